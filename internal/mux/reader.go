package mux

import (
	"bufio"
	"errors"
	"io"
	"os"

	"rexec/frame"
)

// readLoop takes frames until the connection ends. It waits for nothing but r.
func (c *Conn) readLoop(r *bufio.Reader) error {
	var head [frame.HeaderSize]byte
	var scratch []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return c.readError(err)
		}
		c.heard()
		h := frame.ParseHeader(head[:])
		if err := h.Check(c.cfg.MaxFrame); err != nil {
			return c.blame(protocolf("%v", err))
		}
		var err error
		switch {
		case h.Type == frame.TypeData:
			err = c.onData(r, h)
		default:
			if cap(scratch) < int(h.Length) {
				scratch = make([]byte, h.Length)
			}
			p := scratch[:h.Length]
			if cap(scratch) > minBatch {
				scratch = nil // a rare large message does not stay in memory
			}
			if _, err = io.ReadFull(r, p); err == nil {
				c.heard()
				if h.Type < frame.Skippable {
					err = c.onMessage(h, p)
				}
			}
		}
		if err != nil {
			var fatal *frame.ConnError
			if errors.As(err, &fatal) {
				return c.blame(fatal)
			}
			return c.readError(err)
		}
	}
}

// readError tells the end of a connection we are closing, or failed, from one the peer or the network ended.
func (c *Conn) readError(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.closing && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return &frame.ConnError{Err: frame.ErrClosed}
	}
	return err
}

// blame leaves the writer a last word for the peer, what it did wrong, and gives the error back.
func (c *Conn) blame(err *frame.ConnError) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		p := frame.Ending{Code: err.Code, Text: err.Text}.Append(nil)
		c.farewell = append(frame.Header{Length: uint32(len(p)), Type: frame.TypeGoAway}.Append(nil), p...)
	}
	return err
}

// heard notes that a byte came.
func (c *Conn) heard() { c.lastRead.Store(int64(c.now())) }

// onData moves a DATA payload from r into its lane, or drops it.
func (c *Conn) onData(r *bufio.Reader, h frame.Header) error {
	n := int(h.Length)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	l, err := c.receiver(h)
	if err != nil || l == nil {
		c.mu.Unlock()
		if err == nil {
			_, err = r.Discard(n)
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
	l.received += uint64(n)
	for n > 0 && !l.stopped && l.stream.ours != ended && c.err == nil {
		if n > smallChunk {
			l.buf.bulk = true
		}
		p := l.buf.tail()
		p = p[:min(len(p), n)]
		c.mu.Unlock()
		k, err := io.ReadFull(r, p)
		c.heard()
		c.mu.Lock()
		l.buf.commit(k)
		n -= k
		if err != nil {
			c.mu.Unlock()
			return err
		}
	}
	signal(l.wake)
	c.mu.Unlock()
	if n > 0 {
		_, err := r.Discard(n)
		return err
	}
	return nil
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
	if c.err != nil { // a stream opened now would never see the end
		return c.err
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
