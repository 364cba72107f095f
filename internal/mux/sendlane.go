package mux

import "rexec/frame"

// sendLane is the sending half of a byte lane. Its buffer holds [consumed, end): what was not yet sent and what was sent
// and not yet consumed at the far end, so that a lost connection can be resumed from it; where memory does not go as far
// as the peer's window, only what was not yet sent. All fields are under Conn.mu.
type sendLane struct {
	stream *Stream
	id     uint8

	buf      buffer // buf.start is what was forgotten, buf.end what was written
	consumed uint64 // by the peer
	sent     uint64 // put on the wire as DATA; consumed <= buf.start <= sent <= buf.end
	limit    uint64 // the peer takes bytes below this
	ring     uint64 // most this side holds, however much the peer would take
	closed   bool   // CloseLane: nothing more is written
	eof      bool   // EOF is on the wire
	stopped  bool   // the peer sent STOP
	queued   bool   // in Conn.ready

	wake    chan struct{} // one token: room, or an end; taken by the lane's writer
	stop    chan struct{} // closed by the reader of the connection at STOP
	flushed chan struct{} // closed by the writer of the connection once EOF is on the wire
}

func newSendLane(s *Stream, id uint8) *sendLane {
	return &sendLane{stream: s, id: id, ring: defaultRing, wake: make(chan struct{}, 1), stop: make(chan struct{}), flushed: make(chan struct{})}
}

// room is how many bytes may be written now.
func (l *sendLane) room() uint64 {
	if h := l.buf.held(); h < l.ring {
		return min(l.ring-h, l.limit-l.buf.end)
	}
	return 0
}

// forget makes room where the ring could not follow the window: the peer tells what it consumed at half a window only,
// and might wait for more than is held.
func (l *sendLane) forget() {
	if l.ring < l.limit-l.consumed {
		l.buf.release(l.sent)
		signal(l.wake)
	}
}

// due reports whether the scheduler has something to send for the lane.
func (l *sendLane) due() bool {
	return l.stream.ours == open && !l.eof && (l.sent < l.buf.end && l.sent < l.limit || l.closed && l.sent == l.buf.end)
}

// credit takes the peer's CREDIT.
func (l *sendLane) credit(c frame.Credit) error {
	if l.stopped {
		return nil // crossed our EOF: there is nothing left to send or to hold
	}
	switch {
	case c.Consumed < l.consumed || c.Limit < l.limit:
		return protocolf("CREDIT on stream %d lane %d goes back: consumed %d after %d, limit %d after %d",
			l.stream.id, l.id, c.Consumed, l.consumed, c.Limit, l.limit)
	case c.Consumed > l.sent:
		return protocolf("CREDIT on stream %d lane %d: %d consumed of %d sent", l.stream.id, l.id, c.Consumed, l.sent)
	}
	l.limit, l.consumed = c.Limit, c.Consumed
	l.buf.release(max(c.Consumed, l.buf.start))
	l.grow(c.Limit - c.Consumed)
	l.forget()
	return nil
}

// grow lets the ring follow the peer's window, which grows with the path, as far as memory goes.
func (l *sendLane) grow(window uint64) {
	for l.ring < window {
		more := min(l.ring, window-l.ring)
		if !l.stream.conn.memory.take(int64(more)) {
			return
		}
		l.ring += more
	}
}

// drop forgets what was not sent: after STOP, or when the stream ends.
func (l *sendLane) drop() {
	l.buf.end = l.sent
	l.buf.purge()
	l.closed = true
	if l.ring > defaultRing {
		l.stream.conn.memory.give(int64(l.ring - defaultRing))
		l.ring = defaultRing
	}
}
