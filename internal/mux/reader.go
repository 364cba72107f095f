package mux

import (
	"bufio"
	"errors"
	"io"

	"rexec/frame"
)

// readLoop takes frames until the connection ends. It waits for nothing but r.
func (c *Conn) readLoop(r *bufio.Reader) error {
	var head [frame.HeaderSize]byte
	var scratch []byte
	for {
		if _, err := c.readFull(r, head[:]); err != nil {
			return err
		}
		h := frame.ParseHeader(head[:])
		err := h.Check(c.cfg.MaxFrame)
		switch {
		case err != nil:
			err = protocolf("%v", err)
		case h.Type == frame.TypeData:
			c.told(h, nil)
			err = c.onData(r, h)
		case h.Type >= frame.Skippable:
			c.told(h, nil)
			err = c.discard(r, int(h.Length))
		default:
			if cap(scratch) < int(h.Length) {
				scratch = make([]byte, h.Length)
			}
			p := scratch[:h.Length]
			if cap(scratch) > minBatch {
				scratch = nil // a rare large message does not stay in memory
			}
			if _, err = c.readFull(r, p); err == nil {
				c.told(h, p)
				err = c.onMessage(h, p)
			}
		}
		if fatal, ok := errors.AsType[*frame.ConnError](err); ok {
			err = c.blame(fatal)
		}
		if err == errDraining {
			_, err = io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return err
		}
	}
}

// errDraining says that a closing side looks at nothing any more.
var errDraining = errors.New("draining")

// deaf is why a frame that came is not looked at, or nil. A stream that one opened behind the end would never see it.
func (c *Conn) deaf() error {
	switch {
	case c.err != nil:
		return c.err
	case c.draining:
		return errDraining
	}
	return nil
}

// readFull fills p. Every byte is life: on a slow path one frame may take longer than the silence that kills.
func (c *Conn) readFull(r *bufio.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
		c.heard()
	}
	if n == len(p) {
		return n, nil
	}
	return n, err
}

func (c *Conn) discard(r *bufio.Reader, n int) error {
	for n > 0 {
		if _, err := r.Peek(1); err != nil {
			return err
		}
		c.heard()
		k, err := r.Discard(min(n, r.Buffered()))
		if err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// heard notes that a byte came.
func (c *Conn) heard() { c.lastRead.Store(int64(c.now())) }

// onData moves a DATA payload from r into its lane, or drops it.
func (c *Conn) onData(r *bufio.Reader, h frame.Header) error {
	n := int(h.Length)
	c.mu.Lock()
	if err := c.deaf(); err != nil {
		c.mu.Unlock()
		return err
	}
	l, err := c.receiver(h)
	if err != nil || l == nil {
		c.mu.Unlock()
		if err == nil {
			err = c.discard(r, n)
		}
		return err
	}
	switch {
	case l.eof:
		err = protocolf("DATA behind EOF on stream %d lane %d", h.Stream, h.Lane)
	case l.received+uint64(n) > l.limit:
		err = protocolf("DATA up to %d on stream %d lane %d, the limit is %d", l.received+uint64(n), h.Stream, h.Lane, l.limit)
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	for n > 0 && !l.stopped && l.stream.ours != ended && c.err == nil {
		if n > smallChunk {
			l.buf.bulk = true
		}
		p := l.buf.tail()
		p = p[:min(len(p), n)]
		c.mu.Unlock()
		k, err := c.readFull(r, p)
		c.mu.Lock()
		l.buf.commit(k)
		l.received += uint64(k)
		n -= k
		if err != nil {
			c.mu.Unlock()
			return err
		}
	}
	l.received += uint64(n) // dropped
	signal(l.wake)
	c.mu.Unlock()
	return c.discard(r, n)
}

// receiver finds the lane that a DATA or EOF is for; nil without an error: a stream that we ended, drop it.
func (c *Conn) receiver(h frame.Header) (*recvLane, error) {
	s, err := c.find(h)
	if err != nil || s == nil {
		return nil, err
	}
	if l := s.recv[h.Lane]; l != nil {
		return l, nil
	}
	return nil, protocolf("%v on lane %d of stream %d, which only the other side sends", h.Type, h.Lane, h.Stream)
}

// find gives the stream a frame is for; nil without an error: a stream that we ended.
func (c *Conn) find(h frame.Header) (*Stream, error) {
	s := c.streams[h.Stream]
	if s == nil || s.theirs == ended {
		return nil, protocolf("%v on stream %d, which is not open", h.Type, h.Stream)
	}
	if s.ours == ended {
		return nil, nil
	}
	if !s.accepted && h.Type != frame.TypeAccept && h.Type != frame.TypeReset && h.Type != frame.TypeClose {
		return nil, protocolf("%v on stream %d before its ACCEPT", h.Type, h.Stream) // a CREDIT here could be taken back by ACCEPT
	}
	return s, nil
}

// onMessage takes every frame but DATA. p is the reader's own.
func (c *Conn) onMessage(h frame.Header, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.deaf(); err != nil {
		return err
	}
	switch h.Type {
	case frame.TypeM1, frame.TypeM2, frame.TypeM3, frame.TypeM4, frame.TypeRefused:
		return protocolf("%v after the handshake", h.Type)
	case frame.TypePing:
		if c.pongDue {
			return protocolf("a second PING before the answer to the first")
		}
		c.pongDue = true
		return c.reply(frame.TypePong, 0, p)
	case frame.TypePong:
		return c.onPong(p)
	case frame.TypeGoAway:
		e, err := frame.ParseEnding(p)
		if err != nil {
			return protocolf("%v", err)
		}
		if c.goneAway == nil {
			c.goneAway = &e
		}
		c.checkIdle()
		return nil
	case frame.TypeAway:
		seconds, err := frame.ParseAway(p)
		if err != nil {
			return protocolf("%v", err)
		}
		c.onAway(seconds)
		return nil
	case frame.TypeOpen:
		return c.onOpen(h, p)
	}

	s, err := c.find(h)
	if err != nil {
		return err
	}
	if s == nil { // we ended it: only the peer's own end matters
		if h.Type == frame.TypeClose || h.Type == frame.TypeReset {
			return c.streams[h.Stream].peerEnded(nil)
		}
		return nil
	}
	switch h.Type {
	case frame.TypeAccept:
		return s.onAccept(p)
	case frame.TypeClose:
		return s.peerEnded(nil)
	case frame.TypeReset:
		e, err := frame.ParseEnding(p)
		if err != nil {
			return protocolf("%v", err)
		}
		return s.peerEnded(&frame.StreamError{Code: e.Code, Text: e.Text, Remote: true})
	case frame.TypeCredit, frame.TypeStop:
		l := s.send[h.Lane]
		if l == nil {
			return protocolf("%v for lane %d of stream %d, which we do not send", h.Type, h.Lane, h.Stream)
		}
		if h.Type == frame.TypeStop {
			s.onStop(l)
			return nil
		}
		credit, err := frame.ParseCredit(p)
		if err != nil {
			return protocolf("%v", err)
		}
		if err := l.credit(credit); err != nil {
			return err
		}
		signal(l.wake)
		if l.due() {
			c.schedule(l)
		}
		return nil
	case frame.TypeEOF:
		l := s.recv[h.Lane]
		if l == nil || l.eof {
			return protocolf("EOF on stream %d lane %d, which the other side cannot end now", h.Stream, h.Lane)
		}
		return s.onEOF(l, p)
	default:
		return s.onMessage(h.Type, p)
	}
}

// onOpen takes a stream that the peer opens. ACCEPT goes back at once, before anybody judged what it is for.
func (c *Conn) onOpen(h frame.Header, p []byte) error {
	o, err := frame.ParseOpen(p)
	if err != nil {
		return protocolf("%v", err)
	}
	if odd := h.Stream%2 == 1; odd != (c.cfg.Role == Daemon) {
		return protocolf("OPEN of stream %d, whose parity is not the other side's", h.Stream)
	}
	if c.streams[h.Stream] != nil {
		return protocolf("OPEN of stream %d, which is still open", h.Stream)
	}
	var refuse *frame.StreamError
	switch {
	case c.going || c.closing:
		refuse = &frame.StreamError{Code: frame.CodeGoingAway}
	case c.peers >= c.cfg.Streams:
		refuse = &frame.StreamError{Code: frame.CodeOverload, Text: "too many streams on this connection"}
	case c.cfg.Accept == nil:
		refuse = &frame.StreamError{Code: frame.CodeUnknownKind}
	default:
		refuse = c.cfg.Accept(o.Kind)
	}
	if c.peers >= 2*c.cfg.Streams {
		return &frame.ConnError{Code: frame.CodeOverload, Text: "streams were refused and are opened on"}
	}
	s := newStream(c, h.Stream, o.Kind, [2]uint64{uint64(c.cfg.Window), uint64(c.cfg.Window)}, false)
	s.remote = true
	s.takeCredits(o.Credit)
	c.peers++
	c.streams[h.Stream] = s
	if refuse != nil {
		// It stays in the table, ended by us, until the peer ends it too: what it had sent behind OPEN is dropped.
		s.endOurs()
		s.dropLanes()
		return c.reply(frame.TypeReset, s.id, frame.Ending{Code: refuse.Code, Text: refuse.Text}.Append(nil))
	}
	select {
	case c.backlog <- s:
	default: // as many places as streams: only streams that ended before anybody took them fill it
		return &frame.ConnError{Code: frame.CodeOverload, Text: "streams are opened and ended faster than they are served"}
	}
	return c.reply(frame.TypeAccept, s.id, frame.Accept{Credit: s.firstCredits()}.Append(nil))
}
