package mux

import (
	"time"

	"rexec/frame"
)

// recvLane is the receiving half of a byte lane. Its buffer holds [consumed, received). All fields are under Conn.mu.
type recvLane struct {
	stream *Stream
	id     uint8

	buf      buffer        // buf.start is what was consumed here
	received uint64        // bytes that came, dropped ones included
	limit    uint64        // the peer may send bytes below this
	window   uint64        // granted beyond what is consumed
	first    uint64        // the window it began with
	fixed    bool          // the window does not grow
	pace     pace          // while there is a terminal
	eof      bool          // the peer's EOF came
	stopped  bool          // STOP was sent: what comes is dropped
	dropped  bool          // this side ended the stream before everything was read
	dirty    bool          // in Conn.credits
	granted  time.Duration // when limit last moved, since Conn.epoch
	told     uint64        // of what was consumed, what the last CREDIT said

	wake    chan struct{} // one token: bytes, or an end; taken by the lane's reader
	eofSeen chan struct{} // closed by the reader of the connection at EOF
}

func newRecvLane(s *Stream, id uint8, credit uint64, fixed bool) *recvLane {
	return &recvLane{stream: s, id: id, limit: credit, window: credit, first: credit, fixed: fixed,
		pace: pace{window: pacedWindow}, granted: s.conn.now(), wake: make(chan struct{}, 1), eofSeen: make(chan struct{})}
}

// consume takes n bytes off the front and grants credit at half a window. It reports whether a CREDIT is due.
func (l *recvLane) consume(n int) bool {
	l.buf.release(l.buf.start + uint64(n))
	if l.eof && l.buf.held() == 0 {
		l.shrink()
	}
	window, step, paced := l.window, l.window/2, l.paced()
	if paced {
		window = min(window, l.pace.window)
		step = min(window, pacedWindow) / 2
	}
	if n == 0 || l.eof || l.stopped || l.stream.ours == ended {
		return false
	}
	if l.buf.start+window < l.limit+step { // a larger window was granted before: the peer may want to forget all the same
		if l.buf.start-l.told < l.window/2 {
			return false
		}
		l.told = l.buf.start
		return true
	}
	c := l.stream.conn
	now := c.now()
	// Half a window gone within two round trips means that the window, not the path or the reader, set the pace.
	grow := now-l.granted < 2*c.rtt()
	if paced {
		c.measureRTT(now)
		if c.trip.tried(now) {
			l.pace.hold(l.buf.start, now)
		} else {
			l.pace.measure(l.buf.start, now, c.trip.least)
		}
		grow = l.pace.window > l.window
	}
	if grow && !l.fixed && l.window < frame.MaxCredit && c.memory.take(int64(l.window)) {
		l.window *= 2
		if l.window > frame.MaxCredit {
			c.memory.give(int64(l.window - frame.MaxCredit))
			l.window = frame.MaxCredit
		}
	}
	l.granted, l.told = now, l.buf.start
	if !paced {
		window = l.window
	}
	l.limit = l.buf.start + window
	return true
}

// shrink gives back the memory the window had grown into.
func (l *recvLane) shrink() {
	if l.window > l.first {
		l.stream.conn.memory.give(int64(l.window - l.first))
		l.window = l.first
	}
}
