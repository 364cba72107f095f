//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// limited bounds what a program may have: line is for sh, before it becomes the program.
func (p *program) limited(line, name string, args ...string) outcome {
	cmd := p.command(name, args...)
	cmd.Args = append([]string{"sh", "-c", line + ` && exec "$0" "$@"`, cmd.Path}, args...)
	cmd.Path = "/bin/sh"
	return p.run(cmd, "")
}

func TestSem10_AClientWithoutDescriptorsSaysSoAndTheStatusToo(t *testing.T) {
	p := start(t)
	worked := false
	for n := 4; n < 20; n++ {
		o := p.limited(fmt.Sprintf("ulimit -n %d", n), "rexec", "--status-json", "fd:1", "box", "true")
		if o.code == 127 { // not even the system's loader has enough
			continue
		}
		var s status
		require.NoError(t, json.Unmarshal([]byte(o.stdout), &s), "limit %d: %v", n, o)
		assert.Equal(t, float64(o.code), s["exit"])
		if worked = o.code == 0; worked {
			break
		}
		ours(t, outcome{stderr: o.stderr, code: o.code}, 255, "too many open files.*ulimit -n")
		assert.Equal(t, []any{"box", "not_started", "local"}, []any{s["host"], s["kind"], s["error_class"]})
	}
	assert.True(t, worked)
	ours(t, p.limited("ulimit -n 6", "rexec", "host", "ls"), 255, "too many open files.*ulimit -n")
}

func TestSem08_ADaemonWithoutDescriptorsFailsAsOneAndNotAsTheCommand(t *testing.T) {
	p := start(t)
	p.stop()
	o := p.limited("ulimit -n 24", "rexecd", "check", "--state", p.state)
	assert.Contains(t, o.stderr, "only 24 files may be open, which is enough for 0 commands at the same time, while sessions allows 1024")
	assert.Zero(t, o.code, "it can start all the same")

	p.serveBy(`ulimit -n 30; "$0" serve --state "$1" & echo $! >"$2"`)
	codes := map[int]int{}
	began := time.Now()
	for round := 0; round < 5 || codes[255] == 0 && time.Since(began) < slack*soon; round++ { // or until they meet
		var jobs []*job
		for range 8 {
			jobs = append(jobs, p.begin(p.rexec("--connect-timeout", "20s", "box", "sleep 0.2; exit 7")))
		}
		for _, j := range jobs {
			o := j.wait(20 * time.Second)
			codes[o.code]++
			if o.code != 7 {
				assert.Equal(t, 255, o.code, o.stderr)
				assert.NotContains(t, o.stderr, "cannot run")
			}
		}
	}
	t.Logf("exit codes %v", codes)
	assert.Positive(t, codes[255], "some could not be started")
	var again outcome
	eventually(t, soon, func() bool { // the descriptors of the last ones may be closed behind their ends
		again = p.run(p.rexec("box", "echo ok"), "")
		return again.code != 255
	}, "it recovers: %v", lazy(func() any { return again }))
	assert.Equal(t, outcome{stdout: "ok\n"}, again)
}

func TestAShellThatRunsNothingIsSaid(t *testing.T) {
	p := start(t)
	p.rewrite("rexecd.toml", strings.Replace(p.read("rexecd.toml"), "/bin/sh", "/usr/sbin/nologin", 1))
	require.Zero(t, p.run(p.command("rexecd", "reload", "--state", p.state), "").code)
	for _, args := range [][]string{{"box", "true"}, {"-T", "box"}} {
		ours(t, p.run(p.rexec(args...), ""), 126, "the shell of user .* is /usr/sbin/nologin, which runs nothing: have the daemon's administrator set shell in rexecd.toml, or use --argv")
	}
	assert.Equal(t, outcome{stdout: "ok\n"}, p.run(p.rexec("--argv", "box", "echo", "ok"), ""))
}
