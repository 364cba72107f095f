package link

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

func TestBothSidesMeet(t *testing.T) {
	pem, err := NewIdentity("box")
	require.NoError(t, err)
	id, err := ParseIdentity(pem)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	type result struct {
		l   *Link
		err error
	}
	served := make(chan result, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			served <- result{nil, err}
			return
		}
		l, err := Server(nc, ServerConfig{Identity: id, Auth: hmacauth.ServerConfig{
			ServerIDs: []string{"box"}, Lookup: func(string) (a, b hmacauth.Secret) { return secret, b }},
			Accept: func(string) *frame.StreamError { return nil }})
		served <- result{l, err}
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	pin := id.Pin()
	var st *mux.Stream
	c, err := Client(context.Background(), nc, ClientConfig{Pin: pin[:],
		Credentials: hmacauth.Credentials{KeyID: "admin", ServerID: "box", Secret: secret},
		First: func(m *mux.Conn) (err error) {
			st, err = m.Open(frame.KindExec, [2]uint64{1 << 16, 1 << 16}, false)
			if err == nil {
				err = st.Send(frame.TypeStart, frame.Start{Line: "true"}.Append(nil))
			}
			return err
		}})
	require.NoError(t, err)
	got := <-served
	require.NoError(t, got.err)
	require.Equal(t, "admin", got.l.Peer.KeyID)
	s, err := got.l.Accept(context.Background())
	require.NoError(t, err)
	ty, p, err := s.Recv(context.Background())
	require.NoError(t, err)
	require.Equal(t, frame.TypeStart, ty)
	start, err := frame.ParseStart(p)
	require.NoError(t, err)
	require.Equal(t, "true", start.Line)
	go func() { s.Write(2, make([]byte, 10<<20)); s.CloseLane(2) }()
	n := 0
	for {
		p, err := st.Next(context.Background(), 2)
		if err != nil {
			break
		}
		n += len(p)
		st.Advance(2, len(p))
	}
	require.Equal(t, 10<<20, n)
	c.Close()
	require.NoError(t, c.Wait())
	require.Error(t, got.l.Wait())
}
