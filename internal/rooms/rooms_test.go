package rooms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "rexec/"

// room is one package of ours and the packages of ours that its code may import. Tests may import more: both ends of a
// connection meet in them.
type room struct {
	name string
	may  string
	why  string // why it may import no more, or why it may import this much
}

// table is DESIGN 2, from the top down. A room that does not exist yet may stand here; one that exists must.
var table = []room{
	{"cmd/rexecd", "internal/server internal/policy platform internal/audit hmacauth client internal/invoke internal/secretfile internal/sftpserver internal/strictoml",
		"wires the daemon; try runs a command through the whole stack, so client and invoke too"},
	{"cmd/rexec", "platform/text client internal/invoke internal/fleet internal/inventory internal/nodeset internal/localterm internal/forward hmacauth internal/secretfile internal/sshopt internal/strictoml",
		"flags and files of the client; it starts nothing here, so neither platform nor server"},

	{"internal/fleet", "client internal/invoke internal/nodeset platform/text frame session",
		"many hosts are many clients; a connection's inside is not its business; what one host's end means is decided where that of a single one is"},
	{"internal/invoke", "client internal/localterm platform/text frame hmacauth session", "stdio and exit code of one command, read off its verdict and errors; the connection is the client's"},

	{"internal/server", "internal/link hmacauth session frame platform platform/text internal/policy internal/audit internal/forward",
		"the one place where connections, processes and permission meet"},
	{"client", "internal/link hmacauth session frame", "the public API: whoever imports it must not get the kernel, the server, terminals or flags with it"},

	{"internal/link", "hmacauth internal/mux frame", "needs only a net.Conn, so that a relay or a test pipe can enter there"},
	{"internal/mux", "frame", "does not know what a stream means"},
	{"session", "frame", "sees a process through its own small interface, so that it is tested with a fake in virtual time"},
	{"hmacauth", "frame", "proofs alone: no connections, no policy, no files"},
	{"internal/policy", "hmacauth internal/secretfile internal/strictoml", "says who may; does not prove and does not run"},
	{"internal/audit", "platform/text internal/secretfile", "records; does not decide. On Windows secretfile reads who may change a file off its access list"},
	{"internal/inventory", "hmacauth internal/nodeset internal/secretfile internal/sshconfig internal/strictoml platform/text", "names, files and tokens of hosts; does not dial"},

	{"frame", "", "the bytes: it does not know what a frame is for"},
	{"platform", "platform/text", "the kernel: it does not know the network, but what code page or locale a command gets, which text has names for"},
	{"platform/text", "", "encodings: it does not know where text is shown"},
	{"internal/localterm", "", "this process's terminal: it does not know the remote one"},
	{"internal/forward", "", "copies between two connections it is given"},
	{"internal/nodeset", "", "reads and writes sets of names: it knows neither hosts nor groups"},
	{"internal/sftpserver", "", "serves files to whoever started it; who may have which is decided before"},
	{"internal/secretfile", "", "opens files: it does not know their contents"},
	{"internal/strictoml", "", "reads TOML: it does not know what the names mean"},
	{"internal/sshconfig", "", "reads ssh's file: it does not know who asks"},
	{"internal/sshopt", "", "reads a command line: it does not know what options do"},
	{"bench/shared", "client frame hmacauth", "two commands over one connection, for bench/compare to run as a program"},
	{"bench/compare", "", "runs the programs as a user does and knows nothing of their inside"},
	{"bench/fleet", "", "runs the programs as a user does and knows nothing of their inside"},
	{"internal/e2e", "", "tests only"},
	{"internal/e2e/dropin", "", "tests only"},
	{"internal/e2e/wine", "", "tests only"},
	{"internal/e2e/ports", "", "gives ports: it does not know who listens there"},
	{"internal/e2e/sources", "", "looks at the files of the module: it does not know what is built from them"},
	{"internal/faulty", "", "a network that fails; for tests"},
	{"packaging/gen", "", "writes man pages from words and from what the programs print; it imports neither"},
	{"internal/rooms", "", "this test"},
}

// library is a module that only some rooms may import outside of tests.
type library struct {
	path  string
	rooms string
	why   string
}

var libraries = []library{
	{"github.com/creack/pty", "platform", "terminals of processes are the kernel's business, one room owns its traps"},
	{"golang.org/x/term", "internal/localterm", "raw mode has one owner, which restores it"},
	{"golang.org/x/text", "platform/text", "a host's text has one reading, with one table of names"},
	{"github.com/sirupsen/logrus", "cmd/rexecd internal/server", "only the daemon logs; Fatal in a client would skip what restores the terminal"},
	{"github.com/coreos/go-systemd", "cmd/rexecd", "who started the daemon is the business of its command"},
	{"github.com/prometheus", "cmd/rexecd internal/server", "three megabytes that no client needs"},
	{"github.com/spf13/cobra", "cmd/rexecd cmd/rexec", "flags are the business of commands"},
	{"github.com/pkg/sftp", "internal/sftpserver", "serves files in one room, which knows where the library differs from what programs expect"},
	{"regexp", "cmd/rexecd", "compiling expressions is most of what a client did before its main"},
	{"github.com/stretchr/testify", "", "for tests"},
	{"github.com/rogpeppe/go-internal", "", "for tests"},
	{"go.uber.org/goleak", "", "for tests"},
	{"pgregory.net/rapid", "", "for tests"},
}

// unreachable are the pairs that no chain of arrows may join, whatever is added to the table.
var unreachable = []struct{ from, to, why string }{
	{"client", "platform", "a library must not bring along how processes start"},
	{"client", "internal/server", "a library must not bring along the daemon"},
	{"cmd/rexec", "platform", "the client starts nothing"},
	{"cmd/rexec", "internal/server", "the client is not the daemon"},
	{"session", "platform", "the seam: session declares the process it needs"},
	{"platform", "session", "the seam, from the other side"},
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

// violations returns one sentence for each import that the tables do not allow.
func violations(packages []listed) []string {
	var found []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		at := slices.IndexFunc(table, func(r room) bool { return r.name == name })
		if at < 0 {
			found = append(found, fmt.Sprintf("%s is no room of the table in internal/rooms: add it, with what it may import and the reason, and to DESIGN 2", name))
			continue
		}
		for _, imported := range p.Imports {
			if of, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(strings.Fields(table[at].may), of) {
				found = append(found, fmt.Sprintf("%s must not import %s: %s", name, of, table[at].why))
			}
			for _, lib := range libraries {
				inside := imported == lib.path || strings.HasPrefix(imported, lib.path+"/")
				if inside && !slices.Contains(strings.Fields(lib.rooms), name) {
					found = append(found, fmt.Sprintf("%s must not import %s: %s", name, imported, lib.why))
				}
			}
		}
	}
	return found
}

// list asks the go tool for every package of the module as it is built for one system.
func list(t *testing.T, goos string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func TestImportsFollowTheArrowsOfTheDesign(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		packages := list(t, goos)
		assert.Contains(t, packages, listed{ImportPath: module + "internal/rooms"}, "go list must see the module")
		for _, v := range violations(packages) {
			assert.Fail(t, v, "built for %s", goos)
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	arrows := map[string][]string{}
	for _, r := range table {
		assert.NotContains(t, arrows, r.name, "%s stands there twice", r.name)
		assert.NotEmpty(t, r.why, r.name)
		arrows[r.name] = strings.Fields(r.may)
	}
	var reach func(from string, path []string) []string
	reach = func(from string, path []string) []string {
		require.NotContains(t, path, from, "a circle of arrows")
		all := []string{from}
		for _, to := range arrows[from] {
			require.Contains(t, arrows, to, "%s may import a room that is not in the table", from)
			all = append(all, reach(to, append(path, from))...)
		}
		return all
	}
	for name := range arrows {
		reach(name, nil)
	}
	for _, u := range unreachable {
		assert.NotContains(t, reach(u.from, nil), u.to, "%s reaches %s: %s", u.from, u.to, u.why)
	}
}

func TestForbiddenImportsAreNamedWithTheReason(t *testing.T) {
	assert.Equal(t, []string{
		"client must not import platform: the public API: whoever imports it must not get the kernel, the server, terminals or flags with it",
		"client must not import github.com/creack/pty: terminals of processes are the kernel's business, one room owns its traps",
		"internal/mux must not import github.com/stretchr/testify/require: for tests",
		"internal/extra is no room of the table in internal/rooms: add it, with what it may import and the reason, and to DESIGN 2",
	}, violations([]listed{
		{module + "client", []string{"io", module + "frame", module + "platform", "github.com/creack/pty"}},
		{module + "internal/mux", []string{module + "frame", "github.com/stretchr/testify/require"}},
		{module + "internal/extra", nil},
		{module + "platform", []string{"github.com/creack/pty"}},
		{module + "internal/server", []string{"github.com/sirupsen/logrus", module + "platform", "golang.org/x/termination"}},
	}))
}
