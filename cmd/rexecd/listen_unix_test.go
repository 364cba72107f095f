//go:build unix

package main

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheAddressOfAKilledDaemonIsWaitedForAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := held.Addr().String()
		began := time.Now()
		_, _, err = openListeners(config{Listen: []string{address}}, "rexecd.toml", net.Listen)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		assert.Zero(t, time.Since(began))
		_, err = listenBehindKilled("tcp", address)
		require.ErrorIs(t, err, syscall.EADDRINUSE, "it is not waited for without end")

		time.AfterFunc(time.Second, func() { _ = held.Close() })
		l, err := listenBehindKilled("tcp", address)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	})
}
