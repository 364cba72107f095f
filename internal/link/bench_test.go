package link

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// BenchmarkBulk is one lane from daemon to client over loopback.
func BenchmarkBulk(b *testing.B) {
	const size = 1 << 20
	x := startBox(b, nil, nil, func(l *Link) {
		for {
			st, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			p := make([]byte, size)
			for err == nil {
				_, err = st.Write(frame.LaneOut, p)
			}
		}
	})
	var c command
	_, _ = mustConnect(b, x, ClientConfig{Pin: boxPin(), First: c.first})
	b.SetBytes(size)
	b.ResetTimer()
	for got := 0; got < b.N*size; {
		p, err := c.stream.Next(context.Background(), frame.LaneOut)
		require.NoError(b, err)
		got += len(p)
		c.stream.Advance(frame.LaneOut, len(p))
	}
}

// BenchmarkCold is dial, TLS, proofs, and the goodbye, of both sides on one machine.
func BenchmarkCold(b *testing.B) {
	for name, pin := range map[string][]byte{"pinned": boxPin(), "first": nil} {
		b.Run(name, func(b *testing.B) {
			x := startBox(b, nil, nil, func(l *Link) { _ = l.Wait() })
			for b.Loop() {
				nc, err := net.Dial("tcp", x.addr)
				require.NoError(b, err)
				l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Pin: pin})
				require.NoError(b, err)
				l.Close()
				require.NoError(b, l.Wait())
				require.NoError(b, (<-x.results).err)
			}
		})
	}
}

// BenchmarkColdToOutput is dial to the first byte of output, START behind M3.
func BenchmarkColdToOutput(b *testing.B) {
	x := startBox(b, nil, nil, func(l *Link) { _ = runOnce(l) })
	for b.Loop() {
		nc, err := net.Dial("tcp", x.addr)
		require.NoError(b, err)
		var c command
		l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Pin: boxPin(), First: c.first})
		require.NoError(b, err)
		readOutput(b, &c)
		readVerdict(b, &c)
		sayGoodbye(b, l, &c)
		require.NoError(b, (<-x.results).err)
	}
}

// BenchmarkRoundTrip is a PING and its PONG.
func BenchmarkRoundTrip(b *testing.B) {
	x := startBox(b, nil, nil, nil)
	c, _ := mustConnect(b, x, ClientConfig{})
	for b.Loop() {
		_, err := c.Ping(context.Background())
		require.NoError(b, err)
	}
}

// BenchmarkChannel is TLS over the buffered connection alone, in batches as mux makes them: the bound on BenchmarkBulk.
func BenchmarkChannel(b *testing.B) {
	const batch = 256 << 10
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer nc.Close()
		ch := serverChannel(nc, boxID())
		if err := ch.Handshake(); err != nil {
			done <- err
			return
		}
		ch.proved()
		for p := make([]byte, batch); err == nil; {
			_, err = ch.Write(p)
		}
		done <- nil
	}()
	ch := clientChannel(dial(b, ln.Addr().String()), nil)
	require.NoError(b, ch.Handshake())
	require.NoError(b, ch.below.flush()) // as M1 would
	ch.proved()
	b.SetBytes(batch)
	p := make([]byte, 64<<10)
	for b.Loop() {
		for got := 0; got < batch; {
			n, err := ch.Read(p[:min(len(p), batch-got)])
			require.NoError(b, err)
			got += n
		}
	}
	_ = ch.Close()
	require.NoError(b, <-done)
}
