//go:build linux

package e2e

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
)

var forwarded = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}

func TestSem24_SignalsToTheClientReachTheRemoteGroup(t *testing.T) {
	p := start(t)
	for name, s := range forwarded {
		// What handles the signal decides what comes of it.
		j := p.begin(p.rexec("box", `sleep 300 >/dev/null 2>&1 & trap "kill $!; echo got; exit 9" `+name+`; echo ready; wait`))
		j.says("ready")
		j.signal(s)
		o := j.wait(time.Second)
		o.stderr = "" // shells name the signal that a command of theirs died of
		assert.Equal(t, outcome{stdout: "ready\ngot\n", code: 9}, o, name)
	}
	p.nothingLeft()
}

func TestSem24_WhatTheCommandDiesOfTheClientDiesOf(t *testing.T) {
	p := start(t)
	for name, s := range forwarded {
		// An inner shell says it, when the outer one waits: dash loses an INT that comes while it starts a command.
		j := p.begin(p.rexec("box", `sh -c 'echo ready; exec sleep 300'; echo not reached`))
		j.says("ready")
		j.signal(s)
		assert.Equal(t, outcome{stdout: "ready\n", code: 128 + int(s), signal: s.String()}, j.wait(time.Second), name)
	}
	// Of a signal that nobody sent here it does not.
	assert.Equal(t, outcome{code: 143}, p.run(p.rexec("box", "kill -TERM $$"), ""))
	p.nothingLeft()
}

func TestSem24_TheSecondInterruptEndsTheWholeTree(t *testing.T) {
	p := start(t)
	cmd, status := p.withStatus("box", `trap '' INT; `+escapeUnlessGroup()+`echo ready; sleep 300`)
	j := p.begin(cmd)
	j.says("ready")
	j.signal(syscall.SIGINT)
	time.Sleep(100 * time.Millisecond) // two signals at once are one
	j.signal(syscall.SIGINT)
	o := j.wait(time.Second)
	assert.Equal(t, outcome{stdout: "ready\n", code: 130, signal: "interrupt"}, o)
	assert.Equal(t, "canceled", status().Kind)
	p.nothingLeft()
}

// escapeUnlessGroup is escape where the tree can be held: without cgroups a new session escapes, and that is reported.
func escapeUnlessGroup() string {
	if hasCgroups() {
		return escape
	}
	return ""
}

func TestSem24_OneInterruptThatIsIgnoredChangesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	j := p.begin(p.rexec("box", `trap '' INT; echo ready; sleep 1; echo whole; exit 4`))
	j.says("ready")
	j.signal(syscall.SIGINT)
	assert.Equal(t, outcome{stdout: "ready\nwhole\n", code: 4}, j.wait(2*time.Second))
}

func TestSem24_AShellLoopStopsWithItsCommand(t *testing.T) {
	p := start(t)
	rexec := p.rexec("box")
	loop := p.command("rexec")
	loop.Path, loop.Args = "/bin/bash", []string{"bash", "-c", `while :; do "$0" box 'echo ready; exec sleep 300'; done`, rexec.Path}
	loop.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	j := p.begin(loop)
	j.says("ready")
	require.NoError(t, syscall.Kill(-loop.Process.Pid, syscall.SIGINT)) // as ^C does
	assert.Equal(t, "interrupt", j.wait(time.Second).signal)
	p.nothingLeft()
}

func TestSem24_NamedSignalsFromTheAPI(t *testing.T) {
	p := start(t)
	c := client.New(p.dial())
	defer c.Close()
	for name, number := range map[string]int64{"USR1": 10, "QUIT": 3, "KILL": 9} {
		cmd := c.Shell(context.Background(), `sleep 300`)
		require.NoError(t, cmd.Start())
		<-cmd.Started()
		require.NoError(t, cmd.Signal(name))
		var exit *client.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		assert.Equal(t, frame.Signaled, exit.Result.Verdict.Kind, number)
		assert.Equal(t, name, exit.Result.Verdict.Signal)
		assert.Error(t, cmd.Signal(name), "it is over")
	}
	cmd := c.Shell(context.Background(), "sleep 300")
	require.NoError(t, cmd.Start())
	require.Error(t, cmd.Signal("NOSUCH\n"))
	require.NoError(t, cmd.Cancel(frame.CancelUser))
	var exit *client.ExitError
	require.True(t, errors.As(cmd.Wait(), &exit))
	assert.Equal(t, frame.Canceled, exit.Result.Verdict.Kind)
	p.nothingLeft()
}

func TestSem26_ATimeoutEndsTheTree(t *testing.T) {
	t.Parallel()
	p := start(t)
	cmd, status := p.withStatus("--timeout", "2s", "box", escapeUnlessGroup()+`echo ready; sleep 300`)
	began := time.Now()
	o := p.begin(cmd).wait(4 * time.Second)
	took := time.Since(began)
	assert.Equal(t, 124, o.code)
	assert.Equal(t, "ready\n", o.stdout, "what it said is delivered")
	assert.GreaterOrEqual(t, took, 2*time.Second)
	assertWithin(t, time.Second, took-2*time.Second, "not later")
	s := status()
	assert.Equal(t, "timeout", s.Kind)
	assert.Equal(t, 124, s.Exit)
	p.nothingLeft()
}

func TestSem26_ACommandThatEndsInTimeIsNotTouched(t *testing.T) {
	t.Parallel()
	p := start(t)
	file := filepath.Join(t.TempDir(), "pid")
	o := p.run(p.rexec("--timeout", "1s", "box", `sleep 30 >/dev/null 2>&1 </dev/null & echo $! > `+file+`; exit 3`), "")
	assert.Equal(t, 3, o.code)
	pid := pidIn(t, file)
	defer reap(t, pid)
	time.Sleep(1200 * time.Millisecond) // past the timeout
	assert.True(t, alive(pid))
}

func TestSem26_TheDaemonKeepsTheTimeWhenTheClientIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t)
	j := p.begin(p.rexec("--timeout", "500ms", "box", "echo ready; sleep 300"))
	j.says("ready")
	j.signal(syscall.SIGSTOP)
	eventually(t, time.Second, func() bool { return len(p.tree()) == 0 }, "the tree is gone")
	j.signal(syscall.SIGCONT)
	assert.Equal(t, 124, j.wait(time.Second).code)
}
