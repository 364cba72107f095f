//go:build linux

package wine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
)

// many is how often something is done that once shows little, and size how much is sent.
func many() (times int, size int64) {
	if everything {
		return 1000, 100 << 20
	}
	return 60, 4 << 20
}

func TestSem3_CodesOfWindowsAreExact(t *testing.T) {
	b := need(t).daemon(t)
	for code, exit := range map[uint32]int{0: 0, 7: 7, 255: 255, 256: 253, 9009: 253, 0xC0000005: 253, 0xffffffff: 253} {
		o, s := b.withStatus("", "box", `C:\rx\tool.exe end `+strconv.FormatUint(uint64(code), 16))
		assert.Equal(t, exit, o.code)
		require.NotNil(t, s.Code)
		assert.Equal(t, int64(code), *s.Code)
		assert.Equal(t, exit, s.Exit)
		if exit == 253 {
			assert.Contains(t, o.stderr, "0x"+strings.ToUpper(strconv.FormatUint(uint64(code), 16)))
		}
	}
}

func TestSem11_BytesAreTheSameBothWays(t *testing.T) {
	b := need(t).daemon(t)
	_, size := many()
	sent, came := sha256.New(), sha256.New()
	cmd := b.rexec("box", `C:\rx\tool.exe cat`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	cmd.Stdout = came
	var errs syncBuffer
	cmd.Stderr = &errs
	began := time.Now()
	require.NoError(t, cmd.Start())
	n, err := io.Copy(io.MultiWriter(in, sent), io.LimitReader(rand.Reader, size))
	require.NoError(t, errors.Join(err, in.Close()))
	require.NoError(t, cmd.Wait(), errs.String())
	assert.Equal(t, size, n)
	assert.Equal(t, sent.Sum(nil), came.Sum(nil))
	t.Logf("%.1f MB/s both ways", float64(size)/1e6/time.Since(began).Seconds())

	o, s := b.withStatus("", "box", `C:\rx\tool.exe both 1048576`)
	assert.Equal(t, [2]int{1 << 20, 1 << 20}, [2]int{len(o.stdout), len(o.stderr)})
	assert.Equal(t, [2]uint64{1 << 20, 1 << 20}, [2]uint64{s.BytesOut, s.BytesErr})
	assert.Positive(t, s.UserUS+s.SystemUS)
}

func TestSem25_TheGrandchildDiesWithTheConnection(t *testing.T) {
	b := need(t).daemon(t)
	m := mark()
	cmd, _ := b.tree(m)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	b.lives(m, 0)
}

func TestSem26_TimeoutEndsTheWholeTree(t *testing.T) {
	b := need(t).daemon(t)
	for limit := 2 * time.Second; ; limit *= 2 { // until it is enough for wine to start three processes
		m := mark()
		o, s := b.withStatus("", "--timeout", limit.String(), "box", `C:\rx\tool.exe tree `+m)
		assert.Equal(t, 124, o.code, o.stderr)
		assert.Equal(t, "timeout", s.Kind)
		b.lives(m, 0)
		if o.stdout == "started\n" {
			return
		}
		require.Empty(t, o.stdout)
		require.Less(t, limit, patience)
	}
}

func TestSem24_ASignalEndsACommandAndIsToldAsWhatItWas(t *testing.T) {
	b := need(t).daemon(t)
	m := mark()
	cmd, _ := b.tree(m)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	err := cmd.Wait()
	require.Error(t, err)
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.True(t, ws.Signaled(), "the client dies of it too: %v", err)
	b.lives(m, 0)
}

func TestSem25_WhatWasStartedToStayStays(t *testing.T) {
	b := need(t).daemon(t)
	m := mark()
	o, s := b.withStatus("", "box", `start /b C:\rx\tool.exe sleep `+m+` & echo done`)
	assert.Zero(t, o.code, o.stderr)
	assert.Contains(t, o.stdout, "done")
	assert.Equal(t, uint32(1), s.Survivors)
	b.lives(m, 1)
	for _, pid := range b.w.processes(m) {
		assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	b.lives(m, 0)
}

func TestSem7_ADaemonThatIsKilledTakesItsCommandsAlong(t *testing.T) {
	b := windowsDaemon(t, need(t))
	m := mark()
	cmd, errs := b.tree(m)
	b.kill()
	_ = cmd.Wait()
	assert.Equal(t, 255, cmd.ProcessState.ExitCode())
	assert.Contains(t, errs.String(), "the outcome is unknown")
	b.lives(m, 0)
}

func TestAThousandCommandsLeaveNoHandle(t *testing.T) {
	t.Parallel() // beside the other that takes long
	b := need(t).daemon(t)
	c := b.dial()
	ctx, stop := context.WithTimeout(t.Context(), 4*patience) // a start takes a tenth of a second on a busy machine
	defer stop()
	var unborn atomic.Int32
	run := func() {
		out, err := c.Command(ctx, `C:\rx\end.exe`).Output()
		var exit *client.ExitError
		if !assert.ErrorAs(t, err, &exit) {
			return
		}
		v := exit.Result.Verdict
		if v.Kind == frame.StartFailed && strings.Contains(v.Reason, stillborn) {
			unborn.Add(1) // it must leave no handle either
			return
		}
		assert.Equal(t, int64(3), v.Code, "%v: %s", v.Kind, v.Reason)
		assert.Empty(t, out)
	}
	const together = 4
	times := func(n int) {
		var all sync.WaitGroup
		for range together {
			all.Go(func() {
				for range n / together {
					run()
				}
			})
		}
		all.Wait()
	}
	times(5 * together) // what the runtime keeps
	before := b.handles()
	n, _ := many()
	began := time.Now()
	times(n)
	t.Logf("%d commands, %.0f ms each", n, time.Since(began).Seconds()*1000/float64(n))
	assert.Positive(t, before)
	after := 0
	b.eventually(10*time.Second, func() bool { // what the last commands had may still be on its way out
		after = b.handles()
		return after < before+30
	}, fmt.Sprintf("%d handles before, not many more after", before))
	t.Logf("%d handles before, %d after", before, after)
	assert.Less(t, int(unborn.Load()), max(5, n/50), "starts that wine could not make")
}

// handles counts those of the daemon.
func (b *box) handles() int {
	b.t.Helper()
	var status struct {
		PID int `json:"pid"`
	}
	text := b.must(b.rexecd("status", "--json", "--state", b.state), "")
	require.NoError(b.t, json.Unmarshal([]byte(text), &status), text)
	n, err := strconv.Atoi(strings.TrimSpace(b.must(b.rexec("box", `C:\rx\tool.exe handles `+strconv.Itoa(status.PID)), "")))
	require.NoError(b.t, err)
	return n
}
