//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
)

// from has a client read what a local program prints, which has no end of its own.
func (p *program) from(cmd *exec.Cmd, name string, args ...string) {
	p.t.Helper()
	r, w, err := os.Pipe()
	require.NoError(p.t, err)
	source := exec.Command(name, args...)
	source.Stdout = w
	require.NoError(p.t, source.Start())
	cmd.Stdin = r
	require.NoError(p.t, w.Close())
	p.t.Cleanup(func() { _ = r.Close(); _ = source.Process.Kill(); _ = source.Wait() })
}

func TestSem14_TheRemoteStopsReadingOrExitsWhileGigabytesCome(t *testing.T) {
	p := start(t)
	for line, code := range map[string]int{
		"exit 5":                                5,
		"head -c 10000000 >/dev/null; exit 6":   6,
		"exec <&-; sleep 0.5; echo on; exit 7":  7,
		"kill -TERM $$":                         143,
		"true | sleep 0.3; exit 8":              8,
		"head -c 1 >/dev/null; exec sleep 0.2":  0,
		"head -c 1 | cat >/dev/null; exec true": 0,
	} {
		cmd := p.rexec("box", line)
		p.from(cmd, "yes")
		o := p.begin(cmd).wait(soon)
		assert.Equal(t, code, o.code, "%s: %s", line, o.stderr)
		assert.Empty(t, o.stderr, line)
	}
	p.nothingLeft()
}

// piped runs a client with its output going to a local shell line, and gives what that printed.
func (p *program) piped(local string, args ...string) (string, outcome) {
	p.t.Helper()
	r, w, err := os.Pipe()
	require.NoError(p.t, err)
	cmd := p.rexec(args...)
	cmd.Stdout = w
	j := p.begin(cmd)
	require.NoError(p.t, w.Close())
	sh := exec.Command("sh", "-c", local)
	sh.Stdin = r
	out, err := sh.Output()
	require.NoError(p.t, err)
	require.NoError(p.t, r.Close())
	return strings.TrimSpace(string(out)), j.wait(soon)
}

func TestSem16_ASlowReaderGetsEveryLine(t *testing.T) {
	t.Parallel()
	p := start(t)
	got, o := p.piped("sleep 3; wc -l", "box", "yes | head -2000")
	assert.Equal(t, "2000", got)
	assert.Zero(t, o.code)
	got, o = p.piped("sleep 1; wc -l", "box", "yes | head -2000000")
	assert.Equal(t, "2000000", got, "more than all buffers hold")
	assert.Zero(t, o.code)
	p.nothingLeft()
}

// rss is a process's resident memory in bytes, and its descriptors and threads.
func rss(t *testing.T, pid int) (bytes int64, descriptors, threads int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	kb, err := strconv.ParseInt(strings.TrimSuffix(field(t, string(b), "VmRSS"), " kB"), 10, 64)
	require.NoError(t, err)
	threads, err = strconv.Atoi(field(t, string(b), "Threads"))
	require.NoError(t, err)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return kb << 10, len(fds), threads
}

// stuck is a writer that takes nothing until it is freed.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.free; return len(b), nil }

func TestSem17_ReadersThatNeverReadCostBoundedMemoryAndDelayNobody(t *testing.T) {
	const readers, window, base = 20, 256 << 10, 32 << 20
	p := start(t)
	require.Zero(t, p.run(p.rexec("box", "true"), "").code)
	before, _, _ := rss(t, p.daemon.Process.Pid)
	free := make(chan struct{})
	var clients []*client.Client
	var cmds []*client.Cmd
	for range readers {
		c := client.New(p.dial())
		cmd := c.Shell(context.Background(), "exec yes")
		cmd.Stdout = stuck{free}
		require.NoError(t, cmd.Start())
		clients, cmds = append(clients, c), append(cmds, cmd)
	}
	for _, cmd := range cmds {
		<-cmd.Started()
	}
	most, end := int64(0), time.Now().Add(1500*time.Millisecond)
	for time.Now().Before(end) {
		now, _, _ := rss(t, p.daemon.Process.Pid)
		most = max(most, now-before)
		time.Sleep(10 * tick)
	}
	t.Logf("%d readers that never read: the daemon grew from %.1f by %.1f MiB", readers, float64(before)/(1<<20), float64(most)/(1<<20))
	assert.LessOrEqual(t, most, int64(readers*window+base))

	// A message and another command of the same connection pass by.
	slowest := time.Duration(0)
	for i, c := range clients {
		began := time.Now()
		out, err := c.Shell(context.Background(), "echo here").Output()
		require.NoError(t, err)
		assert.Equal(t, "here\n", string(out))
		slowest = max(slowest, time.Since(began))
		require.NoError(t, cmds[i].Signal("TERM"))
	}
	assertWithin(t, time.Second, slowest, "answered at once")
	t.Logf("slowest answer on a connection with a stalled lane: %v", slowest)
	eventually(t, time.Second, func() bool { return len(p.tree()) == 0 }, "signals work")
	close(free)
	for i, cmd := range cmds {
		var exit *client.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		assert.Equal(t, frame.Signaled, exit.Result.Verdict.Kind)
		require.NoError(t, clients[i].Close())
	}
	p.nothingLeft()
}

func TestSem18_AStalledOutputDoesNotStopTheOther(t *testing.T) {
	t.Parallel()
	p := start(t)
	for stalled, line := range map[int]string{
		1: `yes & i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo line $i >&2; sleep 0.05; done; kill $!; exit 4`,
		2: `yes >&2 & i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo line $i; sleep 0.05; done; kill $!; exit 4`,
	} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		cmd := p.rexec("box", line)
		flows := &syncBuffer{}
		if cmd.Stdout, cmd.Stderr = io.Writer(w), io.Writer(flows); stalled == 2 {
			cmd.Stdout, cmd.Stderr = flows, w
		}
		j := p.begin(cmd)
		require.NoError(t, w.Close())
		eventually(t, soon, func() bool { return strings.Contains(flows.String(), "line 20\n") }, "%q", flows)
		select {
		case <-j.done:
			t.Fatal("it did not wait for its reader")
		default:
		}
		_, err = io.Copy(io.Discard, r) // now it is read
		require.NoError(t, err)
		assert.Equal(t, 4, j.wait(soon).code, flows)
		require.NoError(t, r.Close())
	}
	p.nothingLeft()
}

func TestSem19_WhatHoldsAnOutputIsWaitedForAsLongAsSaid(t *testing.T) {
	t.Parallel()
	p := start(t)
	var look []func()
	for _, c := range []struct {
		linger   string
		hold     string // how long the child holds the output
		atLeast  time.Duration
		promised time.Duration
		held     []string
		stdout   string
	}{
		{"", "300", 1900 * time.Millisecond, 2 * time.Second, []string{"stdout", "stderr"}, "hello\n"},
		{"0", "300", 0, 500 * time.Millisecond, []string{"stdout", "stderr"}, "hello\n"},
		{"500ms", "300", 500 * time.Millisecond, 500 * time.Millisecond, []string{"stdout", "stderr"}, "hello\n"},
		{"forever", "3", 2900 * time.Millisecond, 3 * time.Second, []string{}, "hello\nlate\n"},
		{"", "0.5", 400 * time.Millisecond, 500 * time.Millisecond, []string{}, "hello\nlate\n"},
	} {
		args := []string{"box", "(sleep " + c.hold + "; echo late) & echo hello"}
		if c.linger != "" {
			args = append([]string{"--linger", c.linger}, args...)
		}
		cmd, status := p.withStatus(args...)
		began := time.Now()
		j := p.begin(cmd)
		look = append(look, func() {
			o := j.wait(c.promised + soon)
			took := j.ended.Sub(began)
			assert.Equal(t, outcome{stdout: c.stdout}, o, c)
			assert.GreaterOrEqual(t, took, c.atLeast, c)
			assertWithin(t, time.Second, took-c.atLeast, fmt.Sprint(c))
			assert.Equal(t, c.held, status().Held, c)
		})
	}
	for _, l := range look { // they wait side by side
		l()
	}
	for _, pid := range p.tree() {
		reap(t, pid)
	}
	p.nothingLeft()
}

func TestSem19_AllThatWasWrittenIsDeliveredToASlowReader(t *testing.T) {
	t.Parallel()
	p := start(t)
	// The reader sleeps longer than the linger: what the window could not take is counted in the pipe and delivered.
	got, o := p.piped("sleep 3; wc -c", "box", "sleep 300 & head -c 380000 /dev/zero")
	assert.Equal(t, "380000", got)
	assert.Zero(t, o.code, o.stderr)
	// Without any linger, what the pipe holds is delivered.
	got, o = p.piped("sleep 1; wc -c", "--linger", "0", "box", "sleep 300 & head -c 60000 /dev/zero")
	assert.Equal(t, "60000", got)
	assert.Zero(t, o.code, o.stderr)
	for _, pid := range p.tree() {
		reap(t, pid)
	}
	p.nothingLeft()
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func TestSem19_OneThatStillWritesIsCutAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	p := start(t)
	var out counter // it may be gigabytes
	cmd := p.rexec("--linger", "300ms", "box", "yes & sleep 0.2; exit 3")
	cmd.Stdout = &out
	j := p.begin(cmd)
	assert.Equal(t, 3, j.wait(soon).code)
	assert.Positive(t, out)
	// The writer gets SIGPIPE with the end of the output.
	eventually(t, time.Second, func() bool { return len(p.tree()) == 0 }, "yes is gone")
	p.nothingLeft()
}
