package main

import (
	"net"
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

func TestTheControlSocketOutlivesAFailingAccept(t *testing.T) {
	p := paths{data: t.TempDir()}
	l, err := listenControl(p)
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
