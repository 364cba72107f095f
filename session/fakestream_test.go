package session

import (
	"context"
	"errors"
	"io"
	"sync"

	"rexec/frame"
)

// wire is a connection with one stream, in memory and without time: what one end sends is at the other as soon as its
// window has room.
type wire struct {
	mu     sync.Mutex
	cond   sync.Cond
	client *end
	daemon *end
	// budget is how many units (a message, a byte of DATA, an EOF, a STOP, an end) still pass before the connection is
	// lost; below zero: no bound.
	budget int
	passed int
	lost   error
	log    []frame.Type // messages in the order they passed, either way
}

// end implements Stream.
type end struct {
	w      *wire
	peer   *end
	ctx    context.Context
	over   context.CancelCauseFunc
	msgs   []message
	out    map[uint8]*sending
	in     map[uint8]*receiving
	ended  bool  // CLOSE or RESET was sent
	remote error // the peer's end: io.EOF or *frame.StreamError; it stands behind msgs
	resets []frame.Ending
}

type sending struct {
	window          int
	buf             []byte
	sent            uint64
	closed, eofSent bool
	stopped         chan struct{}
	isStopped       bool
}

type receiving struct {
	window   int
	buf      []byte
	received uint64
	stopped  bool
	eof      chan struct{}
	eofIn    bool
}

// newWire gives both ends; each lane takes window bytes that were not consumed.
func newWire(window int) *wire {
	w := &wire{budget: -1}
	w.cond.L = &w.mu
	w.client, w.daemon = &end{w: w}, &end{w: w}
	w.client.peer, w.daemon.peer = w.daemon, w.client
	for _, e := range []*end{w.client, w.daemon} {
		e.ctx, e.over = context.WithCancelCause(context.Background())
		e.out, e.in = map[uint8]*sending{}, map[uint8]*receiving{}
	}
	for lane := frame.LaneIn; lane <= frame.LaneErr; lane++ {
		from, to := w.daemon, w.client
		if lane == frame.LaneIn {
			from, to = to, from
		}
		from.out[lane] = &sending{window: window, stopped: make(chan struct{})}
		to.in[lane] = &receiving{window: window, eof: make(chan struct{})}
	}
	return w
}

// lose cuts the connection.
func (w *wire) lose(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loseLocked(err)
}

func (w *wire) loseLocked(err error) {
	if w.lost == nil {
		w.lost = &frame.ConnError{Text: "lost", Err: err}
		w.client.over(w.lost)
		w.daemon.over(w.lost)
		w.cond.Broadcast()
	}
}

// pass takes up to n units of the budget.
func (w *wire) pass(n int) int {
	if w.lost != nil {
		return 0
	}
	if w.budget >= 0 && n > w.budget {
		n = w.budget
	}
	if w.budget >= 0 {
		w.budget -= n
	}
	w.passed += n
	return n
}

var errCut = errors.New("cut")

func (w *wire) cutIfSpent() {
	if w.budget == 0 {
		w.loseLocked(errCut)
	}
}

// flow moves what can move.
func (e *end) flow() {
	w := e.w
	for lane, s := range e.out {
		r := e.peer.in[lane]
		room := r.window - len(r.buf)
		if r.stopped {
			room = len(s.buf)
		}
		if n := w.pass(min(room, len(s.buf))); n > 0 {
			s.sent += uint64(n)
			r.received += uint64(n)
			if !r.stopped {
				r.buf = append(r.buf, s.buf[:n]...)
			}
			s.buf = s.buf[n:]
		}
		if s.closed && len(s.buf) == 0 && !s.eofSent && w.pass(1) == 1 {
			s.eofSent = true
			if !r.eofIn {
				r.eofIn = true
				close(r.eof)
			}
		}
	}
	w.cutIfSpent()
	w.cond.Broadcast()
}

// state is why nothing more can be done on e, nil if something can.
func (e *end) state() error {
	switch {
	case e.ended:
		return frame.ErrClosed
	case e.remote != nil && e.remote != io.EOF:
		return e.remote
	case e.w.lost != nil:
		return e.w.lost
	case e.remote != nil:
		return frame.ErrClosed
	}
	return nil
}

func (e *end) locked() func() { e.w.mu.Lock(); return e.w.mu.Unlock }

// wait waits for a change or for ctx.
func (e *end) wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() {
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		e.w.cond.Broadcast()
	})
	e.w.cond.Wait()
	stop()
	return nil
}

func (e *end) Send(t frame.Type, payload []byte) error {
	defer e.locked()()
	if err := e.state(); err != nil {
		return err
	}
	if e.w.pass(1) == 1 {
		e.peer.msgs = append(e.peer.msgs, message{t: t, p: append([]byte(nil), payload...)})
		e.w.log = append(e.w.log, t)
	}
	e.w.cutIfSpent()
	e.w.cond.Broadcast()
	return nil
}

func (e *end) Recv(ctx context.Context) (frame.Type, []byte, error) {
	defer e.locked()()
	for {
		if e.ended {
			return 0, nil, frame.ErrClosed
		}
		if len(e.msgs) > 0 {
			m := e.msgs[0]
			e.msgs = e.msgs[1:]
			return m.t, m.p, nil
		}
		if e.remote != nil {
			return 0, nil, e.remote
		}
		if e.w.lost != nil {
			return 0, nil, e.w.lost
		}
		if err := e.wait(ctx); err != nil {
			return 0, nil, err
		}
	}
}

func (e *end) room(lane uint8) (int, error) {
	s := e.out[lane]
	switch err := e.state(); {
	case err != nil:
		return 0, err
	case s.isStopped:
		return 0, frame.ErrStopped
	case s.closed:
		return 0, frame.ErrClosed
	}
	return s.window - len(s.buf), nil
}

func (e *end) Fill(lane uint8, r io.Reader) (int, error) {
	e.w.mu.Lock()
	n, err := e.room(lane)
	for err == nil && n == 0 {
		e.w.cond.Wait()
		n, err = e.room(lane)
	}
	e.w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	p := make([]byte, min(n, 64<<10))
	n, rerr := r.Read(p)
	defer e.locked()()
	if n > 0 {
		if _, err := e.room(lane); err != nil {
			return 0, err
		}
		e.out[lane].buf = append(e.out[lane].buf, p[:n]...)
		e.flow()
	}
	return n, rerr
}

func (e *end) CloseLane(lane uint8) error {
	defer e.locked()()
	if err := e.state(); err != nil {
		return err
	}
	e.out[lane].closed = true
	e.flow()
	return nil
}

func (e *end) Flushed(ctx context.Context, lane uint8) error {
	defer e.locked()()
	for !e.out[lane].eofSent {
		if err := e.state(); err != nil {
			return err
		}
		if err := e.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *end) Stopped(lane uint8) <-chan struct{} { return e.out[lane].stopped }

func (e *end) Sent(lane uint8) uint64 {
	defer e.locked()()
	return e.out[lane].sent
}

func (e *end) Next(ctx context.Context, lane uint8) ([]byte, error) {
	defer e.locked()()
	r := e.in[lane]
	for {
		switch {
		case r.stopped:
			return nil, frame.ErrStopped
		case e.ended:
			return nil, frame.ErrClosed
		case len(r.buf) > 0:
			return r.buf[:len(r.buf):len(r.buf)], nil
		case r.eofIn:
			return nil, io.EOF
		}
		if err := e.state(); err != nil {
			return nil, err
		}
		if err := e.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (e *end) Advance(lane uint8, n int) {
	defer e.locked()()
	r := e.in[lane]
	if !r.stopped {
		r.buf = r.buf[n:]
	}
	e.peer.flow()
}

func (e *end) Stop(lane uint8) {
	defer e.locked()()
	r, s := e.in[lane], e.peer.out[lane]
	if r.stopped || e.state() != nil {
		return
	}
	r.stopped, r.buf = true, nil
	if e.w.pass(1) == 1 && !s.isStopped {
		s.isStopped = true
		s.buf = nil
		close(s.stopped)
	}
	e.peer.flow()
}

func (e *end) Received(lane uint8) uint64 {
	defer e.locked()()
	return e.in[lane].received
}

func (e *end) EOFSeen(lane uint8) <-chan struct{} { return e.in[lane].eof }

func (e *end) Close() error {
	e.finish(io.EOF)
	return nil
}

func (e *end) Reset(code frame.Code, text string) {
	e.finish(&frame.StreamError{Code: code, Text: text, Remote: true})
}

func (e *end) finish(how error) {
	defer e.locked()()
	if e.ended {
		return
	}
	e.ended = true
	for _, s := range e.out {
		s.buf = nil
	}
	if e.w.pass(1) == 1 && e.peer.remote == nil {
		e.peer.remote = how
		var reset *frame.StreamError
		if errors.As(how, &reset) {
			e.resets = append(e.resets, frame.Ending{Code: reset.Code, Text: reset.Text})
		}
	}
	if e.peer.ended {
		e.over(frame.ErrClosed)
		e.peer.over(frame.ErrClosed)
	}
	e.w.cutIfSpent()
	e.w.cond.Broadcast()
}

func (e *end) Context() context.Context { return e.ctx }

// inject puts a message in front of e as if its peer had sent it, whatever state the peer is in.
func (e *end) inject(t frame.Type, payload []byte) {
	defer e.locked()()
	e.msgs = append(e.msgs, message{t: t, p: payload})
	e.w.cond.Broadcast()
}
