//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayMakeUsers stops a test that needs accounts of its own where this process may not make them. The whole suite must
// not pass without it.
func mayMakeUsers(t *testing.T) {
	t.Helper()
	reason := ""
	if os.Getuid() != 0 {
		reason = "only root may make users and run as them"
	}
	for _, program := range []string{"useradd", "userdel", "usermod", "groupadd", "groupdel", "chage"} {
		if _, err := exec.LookPath(program); err != nil && reason == "" {
			reason = fmt.Sprintf("no %s here: install the package passwd", program)
		}
	}
	if reason == "" {
		return
	}
	if os.Getenv("REXEC_E2E") == "all" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// account makes a system user with a home folder, who is gone when the test ends. It may be in further groups.
func account(t *testing.T, suffix string, args ...string) *user.User {
	t.Helper()
	name := fmt.Sprintf("rx%d%s", os.Getpid(), suffix)
	must(t, "useradd", append([]string{"-r", "-m", "-U", "-s", "/bin/sh"}, append(args, name)...)...)
	t.Cleanup(func() { must(t, "userdel", "-r", "-f", name) })
	u, err := user.Lookup(name)
	require.NoError(t, err)
	return u
}

// group makes one that is gone when the test ends.
func group(t *testing.T, suffix string) (name, id string) {
	t.Helper()
	name = fmt.Sprintf("rx%d%s", os.Getpid(), suffix)
	must(t, "groupadd", "-r", name)
	t.Cleanup(func() { must(t, "groupdel", name) })
	g, err := user.LookupGroup(name)
	require.NoError(t, err)
	return name, g.Gid
}

func TestSem48_RootRunsCommandsAsTheUsersOfAKeyAndNobodyElse(t *testing.T) {
	mayMakeUsers(t)
	one, oneID := group(t, "g")
	other, otherID := group(t, "h")
	u := account(t, "a", "-G", one+","+other)
	stranger := account(t, "b")
	p := startLimited(t, fmt.Sprintf(`users = [%q]`, u.Username))

	as := func(line string) string {
		o := p.run(p.rexec(u.Username+"@box", line), "")
		require.Equal(t, 0, o.code, o.stderr)
		return strings.TrimSuffix(o.stdout, "\n")
	}
	status := as("exec cat /proc/self/status")
	four := func(id string) string { return strings.TrimSuffix(strings.Repeat(id+"\t", 4), "\t") }
	assert.Equal(t, four(u.Uid), field(t, status, "Uid"), "real, effective, saved, of the file system")
	assert.Equal(t, four(u.Gid), field(t, status, "Gid"))
	groups := strings.Fields(field(t, status, "Groups"))
	want := []string{u.Gid, oneID, otherID}
	slices.Sort(groups)
	slices.Sort(want)
	assert.Equal(t, want, groups, "its own, and none of the daemon's")
	for _, set := range []string{"CapPrm", "CapEff", "CapInh", "CapAmb"} {
		assert.Zero(t, capability(t, status, set), set)
	}
	assert.Equal(t, u.HomeDir, as("pwd"))
	assert.Equal(t, fmt.Sprintf("%[1]s %[2]s %[2]s /bin/sh", u.HomeDir, u.Username), as(`echo $HOME $USER $LOGNAME $SHELL`))
	assert.Equal(t, u.Uid, as("umask 077; echo x >mine; stat -c %u mine"))

	// What is root's stays root's.
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("for root"), 0o600))
	for _, line := range []string{"ls /root", "cat /etc/shadow", "cat " + secret, "cat " + p.state + "/keyring.toml", "kill -0 " + strconv.Itoa(p.daemon.Process.Pid), "cat /proc/" + strconv.Itoa(p.daemon.Process.Pid) + "/environ"} {
		o := p.run(p.rexec(u.Username+"@box", line), "")
		assert.NotZero(t, o.code, line)
		assert.Empty(t, o.stdout, line)
	}
	// The key's first user is also who runs it where nobody is named.
	assert.Equal(t, outcome{stdout: u.Uid + "\n"}, p.run(p.rexec("box", "id -u"), ""))
	// And its tree ends as root's would.
	j := p.begin(p.rexec("--timeout", "1s", u.Username+"@box", escapeUnlessGroup()+"echo ready; sleep 300"))
	assert.Equal(t, 124, j.wait(soon).code)

	// Who is not allowed and who does not exist read the same.
	refused := func(name string) string {
		o := p.run(p.rexec(name+"@box", "id"), "")
		assert.Equal(t, 254, o.code, "%s: %s", name, o.stderr)
		assert.Empty(t, o.stdout)
		return strings.ReplaceAll(o.stderr, strconv.Quote(name), "NAME")
	}
	unknown := refused("rxnobodyhasthisname")
	for _, name := range []string{stranger.Username, "root", "0", u.Uid, "daemon"} {
		assert.Equal(t, unknown, refused(name), name)
	}
	p.nothingLeft()
}

// capability is one of the sets of /proc/PID/status as a number.
func capability(t *testing.T, status, set string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(field(t, status, set), 16, 64)
	require.NoError(t, err)
	return n
}

func TestSem08_AccountsThatMayNotLogInReadLikeUnknownOnes(t *testing.T) {
	mayMakeUsers(t)
	nologin := account(t, "n", "-s", "/usr/sbin/nologin")
	no := account(t, "f", "-s", "/bin/false")
	expired := account(t, "e")
	must(t, "chage", "-E", "0", expired.Username)
	good := account(t, "o")
	must(t, "chage", "-E", "2099-01-01", good.Username)
	p := startLimited(t, `users = ["*"]`)
	p.stop() // each one's own shell
	config := filepath.Join(p.state, "rexecd.toml")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte(strings.ReplaceAll(string(text), `shell = "/bin/sh"`, "")), 0o600))
	p.serve()

	assert.Equal(t, outcome{stdout: good.Uid + "\n"}, p.run(p.rexec(good.Username+"@box", "id -u"), ""))
	words := map[string]bool{}
	for _, name := range []string{nologin.Username, no.Username, expired.Username, "rxnobodyhasthisname"} {
		o := p.run(p.rexec(name+"@box", "id"), "")
		assert.Equal(t, 254, o.code, "%s: %s", name, o.stderr)
		assert.Empty(t, o.stdout)
		words[strings.ReplaceAll(o.stderr, strconv.Quote(name), "NAME")] = true
	}
	assert.Len(t, words, 1, "one text for all")
	p.nothingLeft()
}
