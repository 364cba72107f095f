//go:build linux

package e2e

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// report is what rexecd status --json prints.
type report struct {
	PID         int
	Since       time.Time
	Connections int
	Sessions    int
	Started     int
	Running     []struct {
		ID, Key, User, Remote string
		PID                   int
		Since                 time.Time
	}
}

func (p *program) status() (r report) {
	p.t.Helper()
	o := p.run(p.command("rexecd", "status", "--json", "--state", p.state), "")
	require.NoError(p.t, json.Unmarshal([]byte(o.stdout), &r), o.stderr)
	return r
}

func TestStatusNamesWhatRuns(t *testing.T) {
	p := start(t)
	assert.Empty(t, p.status().Running)
	began := time.Now()
	j := p.begin(p.rexec("box", "echo $REXEC_SESSION; exec sleep 30"))
	j.says("\n")
	r := p.status()
	require.Len(t, r.Running, 1)
	s := r.Running[0]
	assert.Equal(t, []int{p.daemon.Process.Pid, 1, 1, 1}, []int{r.PID, r.Connections, r.Sessions, r.Started})
	assert.Equal(t, "admin", s.Key)
	assert.Regexp(t, `^127\.0\.0\.1:\d+$`, s.Remote)
	assert.WithinRange(t, s.Since, began, time.Now())
	o := p.run(p.command("rexecd", "status", "--state", p.state), "")
	assert.Regexp(t, `(?m)^`+s.ID[:16]+` +admin +\S+ +`+s.Remote+` +\d+ +\d+s$`, o.stdout)
	assert.Contains(t, j.out.String(), s.ID)
}

func TestASecondTermEndsCommandsAtOnce(t *testing.T) {
	p := start(t, `shutdown_time = "1h"`)
	j := p.begin(p.rexec("box", "echo up; sleep 60"))
	j.says("up")
	require.NoError(t, p.daemon.Process.Signal(syscall.SIGTERM))
	p.logs("shutting down")
	select {
	case <-j.done:
		t.Fatal("the command has its time")
	case <-time.After(200 * time.Millisecond):
	}
	asked := time.Now()
	eventually(t, time.Second, func() bool { // a signal that comes with the first is the first
		_ = p.daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-j.done:
			return true
		default:
			return false
		}
	}, "the command is ended")
	assert.Equal(t, 255, j.wait(time.Second).code)
	require.NoError(t, p.daemon.Wait(), "exit 0")
	p.daemon = nil
	assertWithin(t, time.Second, time.Since(asked), "at once")
	p.nothingLeft()
}
