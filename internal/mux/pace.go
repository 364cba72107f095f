package mux

import (
	"time"

	"rexec/frame"
)

// While a terminal is open on the connection, somebody waits for echoes. Whatever else came or is on its way stands in
// front of the next one: in the path, in the kernel's buffers, and, where processors are few, as work that both sides
// have before they get to it. So the windows of all other lanes are kept at what the path needs to stay busy.
const (
	pacedWindow = 256 << 10              // what they are at least, and at first
	pacedBatch  = 64 << 10               // what the writer puts together at most
	echoSize    = 4 << 10                // what a terminal's lane sends ahead of its turn at most
	pacedPing   = 500 * time.Millisecond // between two measurements of the round trip while data flows
)

// pace is the window of one lane beside a terminal: twice what the path delivered in the least round trip of late,
// because data that waits somewhere makes round trips longer and is no reason to send more.
type pace struct {
	window uint64
	from   uint64        // of the bytes consumed, where this measurement began
	since  time.Duration // when it began, since Conn.epoch
}

// measure takes note that bytes up to consumed were consumed by now.
func (p *pace) measure(consumed uint64, now, rtt time.Duration) {
	bytes, took := consumed-p.from, now-p.since
	if bytes < 2*p.window || took < 2*rtt || took <= 0 {
		return // too little to tell the path's speed from that of a burst
	}
	p.window = min(max(uint64(2*float64(bytes)*float64(rtt)/float64(took)), pacedWindow), frame.MaxCredit)
	p.from, p.since = consumed, now
}

// hold begins anew with the least window.
func (p *pace) hold(consumed uint64, now time.Duration) {
	*p = pace{window: pacedWindow, from: consumed, since: now}
}

// SetTerminal says that somebody sits in front of the stream, which the side that opened it said with Open.
func (s *Stream) SetTerminal() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.setTerminal()
}

func (s *Stream) setTerminal() {
	if s.terminal || s.ours == ended {
		return
	}
	s.terminal = true
	s.conn.terminals++
	signal(s.conn.look)
}

// paced reports whether the lane gives way to a terminal.
func (l *recvLane) paced() bool {
	return l.stream.conn.terminals > 0 && !l.stream.terminal && !l.fixed
}

// sawRTT takes a round trip for the path's.
func (c *Conn) sawRTT(rtt time.Duration) {
	c.lastRTT.Store(int64(rtt))
	c.trip.saw(rtt, c.now())
}

// measureRTT asks for a round trip unless that was done lately.
func (c *Conn) measureRTT(now time.Duration) {
	if c.pinged == 0 || now-c.pinged >= pacedPing {
		c.ping()
	}
}
