//go:build unix

package server

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem07_ASecondDaemonDoesNotSweepWhatTheFirstRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	synctest.Test(t, func(t *testing.T) {
		first, err := openSpool(dir)
		require.NoError(t, err)
		_, err = openSpool(dir)
		require.ErrorContains(t, err, "a daemon is running already")
		assert.ErrorContains(t, err, dir)
		first.close()
		again, err := openSpool(dir)
		require.NoError(t, err)

		time.AfterFunc(time.Second, again.close) // as when a process that it was starting becomes its command
		third, err := openSpool(dir)
		require.NoError(t, err)
		third.close()
	})
}

func TestSem07_ARecordThatWasNeverWholeIsOfNothingThatStarted(t *testing.T) {
	for _, half := range []string{"", "{", `{"ID":"0123`} {
		path := filepath.Join(t.TempDir(), "0123")
		require.NoError(t, os.WriteFile(path, []byte(half), 0o600))
		r, err := remains(path)
		require.NoError(t, err, half)
		assert.Equal(t, "none", r.BootID, half)
	}
}

func TestAFailureOfOneNewConnectionDoesNotEndTheListener(t *testing.T) {
	accept := func(n syscall.Errno) error {
		return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", n)}
	}
	for _, n := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.EPERM, syscall.EPROTO, syscall.EHOSTUNREACH, syscall.ENETDOWN} {
		assert.True(t, passing(accept(n)), n)
	}
	for _, err := range []error{accept(syscall.EBADF), accept(syscall.EINVAL), fmt.Errorf("accept: %w", net.ErrClosed)} {
		assert.False(t, passing(err), err)
	}
}
