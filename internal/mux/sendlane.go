package mux

import "rexec/frame"

// sendLane is the sending half of a byte lane. Its buffer holds [consumed, end): what was not yet sent and what was sent
// and not yet consumed at the far end, so that a lost connection can be resumed from it. All fields are under Conn.mu.
type sendLane struct {
	stream *Stream
	id     uint8

	buf     buffer // buf.start is what the peer consumed, buf.end what was written
	sent    uint64 // put on the wire as DATA; buf.start <= sent <= buf.end
	limit   uint64 // the peer takes bytes below this
	ring    uint64 // most this side holds, however much the peer would take
	closed  bool   // CloseLane: nothing more is written
	eof     bool   // EOF is on the wire
	stopped bool   // the peer sent STOP
	queued  bool   // in Conn.ready

	wake    chan struct{} // one token: room, or an end; taken by the lane's writer
	stop    chan struct{} // closed by the reader of the connection at STOP
	flushed chan struct{} // closed by the writer of the connection once EOF is on the wire
}

func newSendLane(s *Stream, id uint8) *sendLane {
	return &sendLane{stream: s, id: id, ring: defaultRing, wake: make(chan struct{}, 1), stop: make(chan struct{}), flushed: make(chan struct{})}
}

// room is how many bytes may be written now.
func (l *sendLane) room() uint64 {
	most := min(l.limit-l.buf.start, l.ring)
	if h := l.buf.held(); h < most {
		return most - h
	}
	return 0
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
	case c.Consumed < l.buf.start || c.Limit < l.limit:
		return protocolf("CREDIT on stream %d lane %d goes back: consumed %d after %d, limit %d after %d",
			l.stream.id, l.id, c.Consumed, l.buf.start, c.Limit, l.limit)
	case c.Consumed > l.sent:
		return protocolf("CREDIT on stream %d lane %d: %d consumed of %d sent", l.stream.id, l.id, c.Consumed, l.sent)
	}
	l.limit = c.Limit
	l.buf.release(c.Consumed)
	l.grow(c.Limit - c.Consumed)
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
