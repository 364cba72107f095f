package link

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// wire is a connection in memory with a lag each way, for virtual time: what takes no time on it took no round trip.
// Unlike net.Pipe it buffers, up to room bytes a direction, and has a half close.
type wire struct {
	net.Conn // the addresses of a net.Pipe
	in, out  *flow
}

// flow is one direction.
type flow struct {
	mu     sync.Mutex
	cond   *sync.Cond
	lag    time.Duration
	room   int
	queue  []packet
	held   int
	ended  bool // the writer said so
	closed bool // the reader is gone

	readBy, writeBy time.Time
}

type packet struct {
	due time.Time
	b   []byte // nil: the end
}

func newWire(lag time.Duration, room int) (a, b *wire) {
	pa, pb := net.Pipe()
	x, y := &flow{lag: lag, room: room}, &flow{lag: lag, room: room}
	x.cond, y.cond = sync.NewCond(&x.mu), sync.NewCond(&y.mu)
	return &wire{pa, x, y}, &wire{pb, y, x}
}

func (f *flow) set(at *time.Time, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*at = t
	f.cond.Broadcast()
	if !t.IsZero() {
		f.wakeAt(t)
	}
}

// choke lets nothing more in.
func (f *flow) choke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = 0
}

func (f *flow) wakeAt(t time.Time) {
	time.AfterFunc(time.Until(t), func() { f.mu.Lock(); f.cond.Broadcast(); f.mu.Unlock() })
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (w *wire) Read(p []byte) (int, error) {
	f := w.in
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case f.closed:
			return 0, net.ErrClosed
		case passed(f.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(f.queue) > 0 && !f.queue[0].due.After(time.Now()):
			q := &f.queue[0]
			if q.b == nil {
				return 0, io.EOF
			}
			n := copy(p, q.b)
			if q.b = q.b[n:]; len(q.b) == 0 {
				f.queue = f.queue[1:]
			}
			f.held -= n
			f.cond.Broadcast()
			return n, nil
		case len(f.queue) > 0:
			f.wakeAt(f.queue[0].due)
		}
		f.cond.Wait()
	}
}

func (w *wire) Write(p []byte) (n int, err error) {
	f := w.out
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(p) > 0 {
		switch {
		case f.ended:
			return n, net.ErrClosed
		case passed(f.writeBy):
			return n, os.ErrDeadlineExceeded
		case f.closed:
			return n, io.ErrClosedPipe
		case f.held < f.room:
			k := min(len(p), f.room-f.held)
			f.queue = append(f.queue, packet{time.Now().Add(f.lag), append([]byte(nil), p[:k]...)})
			f.held += k
			n += k
			p = p[k:]
			f.cond.Broadcast()
		default:
			f.cond.Wait()
		}
	}
	return n, nil
}

func (w *wire) CloseWrite() error {
	f := w.out
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended = true
		f.queue = append(f.queue, packet{due: time.Now().Add(f.lag)})
		f.cond.Broadcast()
	}
	return nil
}

func (w *wire) Close() error {
	_ = w.CloseWrite()
	w.in.mu.Lock()
	w.in.closed = true
	w.in.cond.Broadcast()
	w.in.mu.Unlock()
	return w.Conn.Close()
}

func (w *wire) SetDeadline(t time.Time) error {
	_ = w.SetReadDeadline(t)
	return w.SetWriteDeadline(t)
}
func (w *wire) SetReadDeadline(t time.Time) error  { w.in.set(&w.in.readBy, t); return nil }
func (w *wire) SetWriteDeadline(t time.Time) error { w.out.set(&w.out.writeBy, t); return nil }
