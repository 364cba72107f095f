//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// row makes the daemon all hosts of a row, under one address of loopback each, at which it listens from then on: n001 is
// 127.7.0.1, and so on.
func (p *program) row(count int) {
	p.t.Helper()
	f, err := os.OpenFile(filepath.Join(p.config, "rexec", "hosts.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(p.t, err)
	for from := 1; from <= count; from += 250 {
		_, err = fmt.Fprintf(f, "\n[[host]]\nname = \"n[%03d-%03d]\"\naddress = \"127.7.%d.%%{n-%d}:%d\"\nkey = \"box\"\nserver_id = \"box\"\n",
			from, min(from+249, count), from/250, from-1, p.port)
		require.NoError(p.t, err)
	}
	require.NoError(p.t, f.Close())

	p.stop()
	listen := fmt.Sprintf("\"127.0.0.1:%d\"", p.port)
	all := listen
	for n := range count {
		all += fmt.Sprintf(", \"%s:%d\"", addressOf(n+1), p.port)
	}
	file := filepath.Join(p.state, "rexecd.toml")
	text, err := os.ReadFile(file)
	require.NoError(p.t, err)
	require.Contains(p.t, string(text), listen)
	require.NoError(p.t, os.WriteFile(file, []byte(strings.Replace(string(text), listen, all, 1)), 0o600))
	p.serve()
}

// addressOf is the address of a host of the row.
func addressOf(n int) string { return fmt.Sprintf("127.7.%d.%d", (n-1)/250, (n-1)%250+1) }

// whoRuns asks a fleet with one ^C who runs, until want is said: a host whose command just began may be told as connecting
// still. text is what it said so far. Two questions within a second would end all.
func whoRuns(t *testing.T, ask func(), text func() string, want string) {
	t.Helper()
	eventually(t, soon, func() bool {
		had := len(text())
		ask()
		eventually(t, soon, func() bool { return strings.Contains(text()[had:], twice) }, "who runs: %q", lazy(func() any { return text() }))
		said := strings.Contains(text()[had:], want+twice)
		if !said {
			time.Sleep(1100 * time.Millisecond)
		}
		return said
	}, "%q: %q", want, lazy(func() any { return text() }))
}

// endAll asks until it is the second time within a second, which a busy machine may make of one question two.
func endAll(t *testing.T, ask func(), text func() string) {
	t.Helper()
	eventually(t, soon, func() bool {
		had := len(text())
		ask()
		var ends bool
		eventually(t, soon, func() bool {
			ends = strings.Contains(text()[had:], "ending all of it, on the hosts too")
			return ends || strings.Contains(text()[had:], twice)
		}, "all ends: %q", lazy(func() any { return text() }))
		return ends
	}, "twice within a second: %q", lazy(func() any { return text() }))
}

const twice = "; ^C twice within a second ends all"

// event is one of --json's objects.
type event struct {
	Event, Host, State, Stream, Text, Kind, Error string
	MS                                            int64
	Code                                          *int64
	Exit                                          int
	Class                                         string `json:"error_class"`
	Sets                                          map[string]string
}

// fleetAccount is what --json says of each host, and of all.
type fleetAccount struct {
	lines map[string][]string // of stdout
	ends  map[string]event
	sum   event
}

func events(t *testing.T, text string) fleetAccount {
	t.Helper()
	all := fleetAccount{lines: map[string][]string{}, ends: map[string]event{}}
	for line := range strings.Lines(text) {
		var e event
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		switch {
		case e.Event == "line" && e.Stream == "stdout":
			all.lines[e.Host] = append(all.lines[e.Host], e.Text)
		case e.Event == "end":
			require.NotContains(t, all.ends, e.Host, "one object a host")
			all.ends[e.Host] = e
		case e.Event == "summary":
			require.Empty(t, all.sum.Event)
			all.sum = e
		}
	}
	require.NotEmpty(t, all.sum.Event, "the last object: %q", text)
	return all
}
