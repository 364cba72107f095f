package mux

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rexec/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// duplex is a transport in memory whose halves close apart, made of two net.Pipes: a Write waits for its reader.
type duplex struct{ r, w net.Conn }

func duplexes() (a, b *duplex) {
	r1, w1 := net.Pipe()
	r2, w2 := net.Pipe()
	return &duplex{r1, w2}, &duplex{r2, w1}
}

func (d *duplex) Read(p []byte) (int, error)        { return d.r.Read(p) }
func (d *duplex) Write(p []byte) (int, error)       { return d.w.Write(p) }
func (d *duplex) CloseWrite() error                 { return d.w.Close() }
func (d *duplex) SetReadDeadline(t time.Time) error { return d.r.SetReadDeadline(t) }
func (d *duplex) Close() error {
	_ = d.r.Close()
	return d.w.Close()
}

// side is a running connection; err is what Run returned, once done is closed.
type side struct {
	*Conn
	done chan struct{}
	err  error
}

func run(c *Conn, w Transport) *side {
	s := &side{Conn: c, done: make(chan struct{})}
	go func() {
		s.err = c.Run(bufio.NewReader(w), w)
		close(s.done)
	}()
	return s
}

func takeAll(string) *frame.StreamError { return nil }

// both runs a client and a daemon against each other; the roles are set here.
func both(client, daemon Config) (c, d *side) {
	a, b := duplexes()
	return bothOver(a, b, client, daemon)
}

func bothOver(a, b Transport, client, daemon Config) (c, d *side) {
	client.Role, daemon.Role = Client, Daemon
	client.Accept, daemon.Accept = takeAll, takeAll
	return run(New(client), a), run(New(daemon), b)
}

func closeBoth(t *testing.T, c, d *side) {
	t.Helper()
	c.Close()
	<-c.done
	require.NoError(t, c.err)
	d.Close()
	<-d.done
}

// openBoth opens a stream by the client and gives both ends.
func openBoth(t *testing.T, c, d *side, credit uint64) (cs, ds *Stream) {
	t.Helper()
	cs, err := c.Open(frame.KindExec, [2]uint64{credit, credit}, false)
	require.NoError(t, err)
	ds, err = d.Accept(t.Context())
	require.NoError(t, err)
	return cs, ds
}

// bubble is a test in virtual time; it fails if a goroutine stays.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// raw is a peer that speaks in hand-written frames. It reads whatever comes, unless it is deaf.
type raw struct {
	*duplex
	frames chan rawFrame // closed at the end of what comes
}

type rawFrame struct {
	frame.Header
	payload []byte
}

func newRaw(w *duplex) *raw {
	r := &raw{duplex: w, frames: make(chan rawFrame, 1<<16)}
	go func() {
		defer close(r.frames)
		b := bufio.NewReader(w)
		for {
			var head [frame.HeaderSize]byte
			if _, err := io.ReadFull(b, head[:]); err != nil {
				return
			}
			f := rawFrame{Header: frame.ParseHeader(head[:])}
			f.payload = make([]byte, f.Length)
			if _, err := io.ReadFull(b, f.payload); err != nil {
				return
			}
			r.frames <- f
		}
	}()
	return r
}

// against runs a connection of ours against a raw peer.
func against(cfg Config) (*side, *raw) {
	a, b := duplexes()
	if cfg.Accept == nil {
		cfg.Accept = takeAll
	}
	return run(New(cfg), a), newRaw(b)
}

// fr is a frame.
func fr(t frame.Type, lane uint8, stream uint16, payload ...byte) []byte {
	return append(frame.Header{Length: uint32(len(payload)), Type: t, Lane: lane, Stream: stream}.Append(nil), payload...)
}

func u64(v ...uint64) (b []byte) {
	for _, v := range v {
		b = frame.AppendUint64(b, v)
	}
	return b
}

func openFrame(stream uint16, credit ...uint64) []byte {
	o := frame.Open{Kind: frame.KindExec}
	copy(o.Credit[:], credit)
	return fr(frame.TypeOpen, 0, stream, o.Append(nil)...)
}

// say writes frames; an error means that the other side has ended, which the test then sees otherwise.
func (r *raw) say(frames ...[]byte) {
	for _, f := range frames {
		if _, err := r.Write(f); err != nil {
			return
		}
	}
}

// expect gives the next frame that is not a PING, which must be of type ty.
func (r *raw) expect(t *testing.T, ty frame.Type) rawFrame {
	t.Helper()
	for f := range r.frames {
		if f.Type == frame.TypePing && ty != frame.TypePing {
			continue
		}
		require.Equal(t, ty.String(), f.Type.String(), "%q", f.payload)
		return f
	}
	require.Fail(t, "the connection ended", "before %v", ty)
	return rawFrame{}
}

// hangUp ends the peer and waits for our side.
func (r *raw) hangUp(s *side) {
	_ = r.Close()
	<-s.done
	for range r.frames {
	}
}

// pattern is byte off of a stream's lane.
func pattern(stream uint16, lane uint8, off uint64) byte {
	return byte(off*131 + off>>8*17 + off>>16 + uint64(stream)*59 + uint64(lane)*7)
}

func patterned(stream uint16, lane uint8, off uint64, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = pattern(stream, lane, off+uint64(i))
	}
	return p
}

// pour writes size zeros on the lane, from a block that costs no memory worth speaking of, and ends it.
func pour(s *Stream, lane uint8, size int) {
	block := make([]byte, min(size, 1<<20))
	for size > 0 {
		n, err := s.Write(lane, block[:min(len(block), size)])
		if err != nil {
			return
		}
		size -= n
	}
	_ = s.CloseLane(lane)
}

// readAll takes the lane to its end and checks each byte against the pattern; it gives how many came and the end's error.
func readAll(ctx context.Context, s *Stream, lane uint8) (n uint64, wrong bool, err error) {
	for {
		p, err := s.Next(ctx, lane)
		if err != nil {
			return n, wrong, err
		}
		for i, b := range p {
			wrong = wrong || b != pattern(s.id, lane, n+uint64(i))
		}
		n += uint64(len(p))
		s.Advance(lane, len(p))
	}
}
