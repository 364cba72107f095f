//go:build linux

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
		o := j.wait(soon)
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
		assert.Equal(t, outcome{stdout: "ready\n", code: 128 + int(s), signal: s.String()}, j.wait(soon), name)
	}
	// Of a signal that nobody sent here it does not.
	assert.Equal(t, outcome{code: 143}, p.run(p.rexec("box", "kill -TERM $$"), ""))
	p.nothingLeft()
}

func TestSem24_TheSecondInterruptEndsTheWholeTree(t *testing.T) {
	p := start(t)
	cmd, status := p.withStatus("-v", "box", `trap '' INT; `+escapeUnlessGroup()+`echo ready; sleep 300`)
	j := p.begin(cmd)
	j.says("ready")
	// Each is sent when the one before was taken: two at once are one. The client may see them further apart than they were
	// sent: where that can be more than a second, the next one is the second.
	interrupt := func(times int) (second bool) {
		j.signal(syscall.SIGINT)
		eventually(t, soon, func() bool {
			second = strings.Contains(j.err.String(), "a second SIGINT: the whole tree is to end")
			return second || strings.Count(j.err.String(), "passing SIGINT on") == times
		}, "signal %d is taken: %s", times, j.err)
		return second
	}
	before := time.Now()
	require.False(t, interrupt(1))
	for times := 2; ; times++ {
		sent := time.Now()
		if interrupt(times) {
			break
		}
		require.Greater(t, time.Since(before), time.Second, "two within a second end it: %s", j.err)
		before = sent
	}
	o := j.wait(soon)
	o.stderr = "" // its story
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
	taken := filepath.Join(t.TempDir(), "taken")
	j := p.begin(p.rexec("-v", "box", `trap '' INT; echo ready; while [ ! -e `+taken+` ]; do sleep 0.05; done; sleep 0.5; echo whole; exit 4`))
	j.says("ready")
	j.signal(syscall.SIGINT)
	eventually(t, soon, func() bool { return strings.Contains(j.err.String(), "passing SIGINT on") }, "the signal is taken: %s", j.err)
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	o := j.wait(soon)
	o.stderr = "" // its story
	assert.Equal(t, outcome{stdout: "ready\nwhole\n", code: 4}, o)
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
	assert.Equal(t, "interrupt", j.wait(soon).signal)
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
	const timeout = 3 * time.Second // in which it must get to say ready
	cmd, status := p.withStatus("--timeout", timeout.String(), "box", escapeUnlessGroup()+`echo ready; sleep 300`)
	began := time.Now()
	o := p.begin(cmd).wait(soon)
	took := time.Since(began)
	assert.Equal(t, 124, o.code)
	assert.Equal(t, "ready\n", o.stdout, "what it said is delivered")
	assert.GreaterOrEqual(t, took, timeout)
	assertWithin(t, time.Second, took-timeout, "not later")
	s := status()
	assert.Equal(t, "timeout", s.Kind)
	assert.Equal(t, 124, s.Exit)
	p.nothingLeft()
}

func TestSem26_ACommandThatEndsInTimeIsNotTouched(t *testing.T) {
	t.Parallel()
	p := start(t)
	file := filepath.Join(t.TempDir(), "pid")
	o := p.run(p.rexec("--timeout", "3s", "box", `sleep 300 >/dev/null 2>&1 </dev/null & echo $! > `+file+`; exit 3`), "")
	assert.Equal(t, 3, o.code)
	pid := pidIn(t, file)
	defer reap(t, pid)
	time.Sleep(3200 * time.Millisecond) // past the timeout
	assert.True(t, alive(pid))
}

func TestSem26_TheDaemonKeepsTheTimeWhenTheClientIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t)
	j := p.begin(p.rexec("--timeout", "3s", "box", "echo ready; sleep 300"))
	j.says("ready")
	j.signal(syscall.SIGSTOP)
	eventually(t, soon, func() bool { return len(p.tree()) == 0 }, "the tree is gone long before a silent client is lost")
	j.signal(syscall.SIGCONT)
	assert.Equal(t, 124, j.wait(soon).code)
}
