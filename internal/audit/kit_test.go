package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is when golden lines are written.
var at = time.Date(2026, 3, 4, 5, 6, 7, 80, time.FixedZone("east", 3600))

// lineOf is a record's line.
func lineOf(r Record) string { return string(end(append(begin(nil, at), fields(r)...))) }

// parsed is a line as a reader sees it.
type parsed struct {
	Time, Event, Session, Key, Remote, User, Line, Asked, Cwd, Reason string

	Argv, Env, Escaped []string
	Cut                map[string]int
	LeftOut            uint64 `json:"left_out"`
}

func parse(t require.TestingT, line string) parsed {
	var p parsed
	require.NoError(t, json.Unmarshal([]byte(line), &p), "%q", line)
	return p
}

// undo takes back what the package's doc says of a field that is named in escaped.
func (p parsed) undo(field, s string) string {
	for _, e := range p.Escaped {
		if e != field {
			continue
		}
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] != '\\':
				b.WriteByte(s[i])
			case s[i+1] == '\\':
				b.WriteByte('\\')
				i++
			default:
				n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
				if s[i+1] != 'x' || err != nil {
					return fmt.Sprintf("a bad escape in %q", s)
				}
				b.WriteByte(byte(n))
				i += 3
			}
		}
		return b.String()
	}
	return s
}

// logAt opens a log in a new folder.
func logAt(t testing.TB, o Options) (*Log, string) {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "audit.log")
	}
	l, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, o.Path
}

// linesOf is a file's lines, each with its newline.
func linesOf(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return slices.Collect(strings.Lines(string(text)))
}

// run is the shortest record of a command.
func run(line string) Record {
	return Record{Event: CommandAccepted, Session: "s", Command: &Command{Line: line}}
}
