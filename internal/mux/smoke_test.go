package mux

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func pair(t *testing.T) (client, daemon *Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b, err := l.Accept()
	require.NoError(t, err)
	client = New(Config{Role: Client})
	daemon = New(Config{Role: Daemon, Accept: func(string) *frame.StreamError { return nil }})
	go client.Run(bufio.NewReader(a), a.(*net.TCPConn))
	go daemon.Run(bufio.NewReader(b), b.(*net.TCPConn))
	t.Cleanup(func() { client.Close(); daemon.Close(); <-client.Context().Done(); <-daemon.Context().Done() })
	return client, daemon
}

func TestBytesSurviveARoundTripOverTCP(t *testing.T) {
	client, daemon := pair(t)
	ctx := context.Background()
	st, err := client.Open("exec", [2]uint64{65536, 65536}, false)
	require.NoError(t, err)
	go func() {
		s, _ := daemon.Accept(ctx)
		for {
			p, err := s.Next(ctx, 1)
			if err != nil {
				break
			}
			s.Write(2, p)
			s.Advance(1, len(p))
		}
		s.CloseLane(2)
	}()
	go func() {
		buf := make([]byte, 100000)
		for i := range buf {
			buf[i] = byte(i * 7)
		}
		for range 100 {
			st.Write(1, buf)
		}
		st.CloseLane(1)
	}()
	total := 0
	for {
		p, err := st.Next(ctx, 2)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for i, b := range p {
			if b != byte((total+i)%100000*7) {
				t.Fatalf("wrong byte at %d", total+i)
			}
		}
		total += len(p)
		st.Advance(2, len(p))
	}
	require.Equal(t, 100000*100, total)
	require.NoError(t, st.Close())
	<-st.Context().Done()
}
