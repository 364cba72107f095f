package platform

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func TestSem25_KillEndsTheWholeTree(t *testing.T) {
	p := begin(t, helper("leave", "wait"))
	grandchild := open(t, firstNumber(t, p))
	assert.Equal(t, "job", p.Containment())
	assert.Equal(t, 1, p.Survivors(), "besides the leader")
	require.NoError(t, p.Kill())
	assert.True(t, gone(t, grandchild, soon))
	code, signal, _, err := p.Wait()
	require.NoError(t, err)
	assert.Equal(t, int64(codeKill), code)
	assert.Empty(t, signal, "it was no signal that was asked for")
	assert.Zero(t, p.Survivors())
}

func TestSem25_WhatIsLeftAtANormalEndLivesOn(t *testing.T) {
	p := begin(t, helper("leave"))
	grandchild := open(t, firstNumber(t, p))
	code, _, _, err := p.Wait()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, 1, p.Survivors())
	require.NoError(t, p.Release())
	assert.False(t, gone(t, grandchild, 100*time.Millisecond))
	require.NoError(t, windows.TerminateProcess(grandchild, 1))
	assert.True(t, gone(t, grandchild, soon))
}

func TestSem7_NothingOutlivesADaemonThatWasKilled(t *testing.T) {
	self := helper("leave", "wait") // itself a daemon of one command
	cmd := exec.Command(self.Argv[0], self.Argv[1:]...)
	cmd.Env = self.Env
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	b := make([]byte, 64)
	n, err := out.Read(b)
	require.NoError(t, err)
	var pid uint32
	for _, c := range strings.TrimSpace(string(b[:n])) {
		pid = pid*10 + uint32(c-'0')
	}
	command := open(t, pid)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	assert.True(t, gone(t, command, soon))
}

func TestSem24_ASignalThatEndsACommandIsInItsEnding(t *testing.T) {
	for name, want := range map[string]string{"INT": "INT", "TERM": "TERM", "KILL": "KILL", "BREAK": "INT"} {
		p := begin(t, helper("wait"))
		pid := firstNumber(t, p)
		assert.Equal(t, uint32(p.Pid()), pid)
		require.NoError(t, p.Signal(name))
		_, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, want, signal)
	}
	p := begin(t, helper("wait"))
	assert.ErrorContains(t, p.Signal("USR1"), `no such signal on Windows: "USR1"`)
}

func TestTimesAndPeakAreKnown(t *testing.T) {
	p := begin(t, helper("write", "100"))
	_, _, _, err := p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	user, system, peak := p.Usage()
	assert.Positive(t, user+system)
	assert.Less(t, user+system, time.Minute)
	assert.Less(t, peak, uint64(1<<34), "0 where the system does not say")
}

// handles counts those of this process among all there are: wine knows no
// other way.
func handles(t *testing.T) int {
	t.Helper()
	for size := 1 << 20; ; size *= 2 {
		all := make([]uintptr, size/8)
		err := windows.NtQuerySystemInformation(windows.SystemExtendedHandleInformation, unsafe.Pointer(&all[0]), uint32(size), nil)
		if errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) {
			continue
		}
		require.NoError(t, err)
		const words, header = 5, 2 // of an entry, whose second is the process
		n := 0
		for i := range all[0] {
			if all[header+words*i+1] == uintptr(os.Getpid()) {
				n++
			}
		}
		return n
	}
}

func TestCommandsLeaveNoHandle(t *testing.T) {
	run := func() {
		p, err := launch(helper("end", "0"))
		require.NoError(t, err)
		_, _, _, err = p.Wait()
		require.NoError(t, err)
		require.NoError(t, p.Release())
	}
	for range 10 {
		run() // what the runtime keeps
	}
	before := handles(t)
	const times = 60 // more than its threads have, which it may start at any time
	for range times {
		run()
	}
	assert.Positive(t, before)
	assert.Less(t, handles(t), before+times/2, "before: %d", before)
}
