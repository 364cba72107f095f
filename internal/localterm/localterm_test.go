//go:build linux

package localterm

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestOnlyATerminalIsOne(t *testing.T) {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	defer tty.Close()
	assert.True(t, Is(tty))
	for _, name := range []string{os.DevNull, "/dev/zero", "/dev/full"} {
		f, err := os.Open(name)
		require.NoError(t, err)
		assert.False(t, Is(f), name)
		require.NoError(t, f.Close())
	}
}

func TestASecretIsReadAndNotShown(t *testing.T) {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	shown := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(master) // ends with EIO when the other side is closed
		shown <- string(b)
	}()
	fd := int(tty.Fd())
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for echoes(fd) { // what is typed before would be shown
			runtime.Gosched()
		}
		_, _ = io.WriteString(master, "rxt1_hidden\n")
	}()
	got, err := ReadSecret(tty, io.Discard, "token: ")
	require.NoError(t, err)
	assert.Equal(t, "rxt1_hidden", got)
	<-typed
	_, err = io.WriteString(tty, "after")
	require.NoError(t, err)
	require.NoError(t, tty.Close())
	out := <-shown
	assert.False(t, strings.Contains(out, "hidden"), out)
	assert.True(t, strings.HasSuffix(out, "after"), out)
}

// TestAnEndInsteadOfASecretIsNotWaitedOn types ^D: with nothing before it, and behind a line that has no Return.
func TestAnEndInsteadOfASecretIsNotWaitedOn(t *testing.T) {
	for typed, want := range map[string]string{"\x04": "", "hid\x04\x04": "hid", "no\bt\r": "nt"} {
		master, tty, err := pty.Open()
		require.NoError(t, err)
		fd := int(tty.Fd())
		go func() {
			for echoes(fd) {
				runtime.Gosched()
			}
			_, _ = io.WriteString(master, typed)
		}()
		got, err := ReadSecret(tty, io.Discard, "password: ")
		if want == "" {
			require.ErrorContains(t, err, "read from the terminal: nothing was typed")
		} else {
			require.NoError(t, err)
		}
		assert.Equal(t, want, got)
		assert.True(t, echoes(fd))
		require.NoError(t, tty.Close())
		require.NoError(t, master.Close())
	}
}

func echoes(fd int) bool {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil && t.Lflag&unix.ECHO != 0
}
