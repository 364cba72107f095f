//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
