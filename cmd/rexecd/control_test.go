package main

import (
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing is a listener whose first accept fails.
type failing struct {
	net.Listener
	once bool
}

func (l *failing) Accept() (net.Conn, error) {
	if !l.once {
		l.once = true
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// short is a folder whose path leaves room for a socket's name (unix(7)): without the test's own in it.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rx")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestTheControlSocketOutlivesAFailingAccept(t *testing.T) {
	p := paths{data: short(t)}
	l, _, err := listenControl(p)
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveControl(&failing{Listener: l}, map[string]func() (any, error){"status": func() (any, error) { return 7, nil }})
	}()
	said, err := ask(p, "status")
	require.NoError(t, err)
	assert.Equal(t, "7", string(said))
	_, err = ask(p, "nonsense")
	assert.ErrorContains(t, err, `unknown request "nonsense\n"`)
	require.NoError(t, l.Close())
	<-served
}

func TestWhoeverIsSilentAtTheControlSocketKeepsNobodyWaiting(t *testing.T) {
	p := paths{data: short(t)}
	l, _, err := listenControl(p)
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveControl(l, map[string]func() (any, error){"status": func() (any, error) { return 7, nil }})
	}()
	var silent []net.Conn
	for range mostAsking - 1 {
		c, err := p.dialControl()
		require.NoError(t, err)
		silent = append(silent, c)
	}
	said, err := ask(p, "status")
	require.NoError(t, err)
	assert.Equal(t, "7", string(said))
	for _, c := range silent {
		_ = c.Close()
	}
	require.NoError(t, l.Close())
	<-served
}

func TestOfDaemonsThatStartTogetherOneHasTheControlSocket(t *testing.T) {
	p := paths{data: short(t)}
	listening := make(chan net.Listener, 20)
	var starting sync.WaitGroup
	for range cap(listening) {
		starting.Go(func() {
			if l, _, err := listenControl(p); err == nil {
				listening <- l
			}
		})
	}
	starting.Wait()
	require.Len(t, listening, 1)
	l := <-listening
	c, err := p.dialControl()
	require.NoError(t, err, "and it is reached")
	_ = c.Close()
	require.NoError(t, l.Close())
}
