package platform

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Wine's pseudo consoles start, paint and end; they cannot be resized, and are
// nobody's standard output.

func onTerminal(role string, args ...string) Spec {
	s := helper(role, args...)
	s.Terminal = &Terminal{Rows: 30, Cols: 100, Variable: "SSH_TTY"}
	s.NoStdin = false
	return s
}

// all reads a terminal to its end, in the background.
func all(p *Process) <-chan string {
	c := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(p.Stdout())
		c <- string(b)
	}()
	return c
}

func (c *terminal) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.console == 0
}

func TestATerminalsOutputEndsWithItsCommandWhoseCodeIsExact(t *testing.T) {
	for range 3 {
		p := begin(t, onTerminal("end", "c0000005"))
		out := all(p)
		code, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(0xC0000005), code)
		assert.Empty(t, signal)
		select {
		case <-out:
		case <-time.After(soon):
			t.Fatal("the output does not end")
		}
		assert.Nil(t, p.Stderr())
	}
}

func TestATerminalThatIsHungUpEndsItsCommand(t *testing.T) {
	p := begin(t, onTerminal("wait"))
	h := open(t, uint32(p.Pid()))
	require.NoError(t, p.Stdout().Close())
	_, err := p.Stdout().Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrClosed)
	if !gone(t, h, 2*time.Second) { // wine does not tell the attached
		require.NoError(t, p.KillForeground())
	}
	assert.True(t, gone(t, h, soon))
	assert.NoError(t, p.KillForeground(), "of a leader that is gone")
	assert.True(t, p.term.isClosed())
}

func TestATerminalIsResizedAndTypedInto(t *testing.T) {
	p := begin(t, onTerminal("wait"))
	for _, size := range [][2]uint16{{50, 200}, {0, 0}, {1, 1}, {65535, 65535}} {
		if err := p.Resize(size[0], size[1], 0, 0); !errors.Is(err, syscall.Errno(windows.E_NOTIMPL)) { // wine's
			assert.NoError(t, err, size)
		}
	}
	assert.Equal(t, [2]uint16{MaxSize, MaxSize}, [2]uint16{p.term.rows, p.term.cols})
	_, err := p.Stdin().Write([]byte("x\r"))
	assert.NoError(t, err)
	require.NoError(t, p.Stdin().Close())
	assert.False(t, p.term.isClosed(), "the end of typing is not the end of the terminal")
	require.NoError(t, p.Kill())
	_, _, _, err = p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	assert.NoError(t, p.Resize(10, 10, 0, 0), "nobody to tell")
}

func TestSem29_ATerminalHasItsSizeFromTheStart(t *testing.T) {
	p := begin(t, onTerminal("paint", "你好"))
	out := all(p)
	code, _, _, err := p.Wait()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Contains(t, <-out, "100x30 你好", "in UTF-8, whatever the code page")
}

func TestSem32_WhatATerminalHoldsIsCountedToItsEnd(t *testing.T) {
	p := begin(t, onTerminal("paint", "the end"))
	_, _, _, err := p.Wait()
	require.NoError(t, err)
	n, err := p.Stdout().Pending()
	require.NoError(t, err)
	b := make([]byte, n)
	_, err = io.ReadFull(p.Stdout(), b)
	require.NoError(t, err)
	assert.Contains(t, string(b), "the end")
	_, err = p.Stdout().Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}
