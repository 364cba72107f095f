package mux

import (
	"context"
	"io"

	"rexec/frame"
)

// Fill waits until the lane has room and then calls r.Read once, straight into the lane's buffer. It returns what Read
// returned; an error of the lane itself is frame.ErrStopped, frame.ErrClosed, a *frame.StreamError or *frame.ConnError,
// and then nothing was put on the lane: bytes that Read gave while the lane was being closed are lost with it.
func (s *Stream) Fill(lane uint8, r io.Reader) (int, error) {
	l := s.send[lane]
	p, err := l.await()
	if err != nil {
		return 0, err
	}
	n, err := r.Read(p)
	if lost := l.commit(n); lost != nil && n > 0 {
		return 0, lost
	}
	return n, err
}

// over is why nothing more can be put on the lane, or nil.
func (l *sendLane) over() error {
	switch {
	case l.stopped:
		return frame.ErrStopped
	case l.stream.ours == ended:
		return l.stream.endError()
	case l.closed:
		return frame.ErrClosed
	}
	return nil
}

// commit puts the n bytes that were written to what await gave on the lane, unless the lane ended in between.
func (l *sendLane) commit(n int) error {
	c := l.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := l.over(); err != nil {
		l.buf.commit(0)
		return err
	}
	l.buf.commit(n)
	if l.due() {
		c.schedule(l)
	}
	return nil
}

// await waits for room and gives the space to fill; a commit must follow.
func (l *sendLane) await() ([]byte, error) {
	c := l.stream.conn
	for {
		c.mu.Lock()
		if err := l.over(); err != nil {
			c.mu.Unlock()
			return nil, err
		}
		if room := l.room(); room > 0 {
			p := l.buf.tail()
			c.mu.Unlock()
			return p[:min(uint64(len(p)), room)], nil
		}
		c.mu.Unlock()
		<-l.wake
	}
}

// Write puts all of p on the lane, waiting for room.
func (s *Stream) Write(lane uint8, p []byte) (int, error) {
	l := s.send[lane]
	done := 0
	for done < len(p) {
		space, err := l.await()
		if err != nil {
			return done, err
		}
		n := copy(space, p[done:])
		if err := l.commit(n); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// CloseLane queues EOF behind what was written. Any goroutine may call it, any number of times.
func (s *Stream) CloseLane(lane uint8) error {
	l := s.send[lane]
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ours == ended {
		return s.endError()
	}
	l.closed = true
	signal(l.wake)
	if l.due() {
		c.schedule(l)
	}
	return nil
}

// Flushed waits until the lane's EOF has been handed to the wire behind all its data. A stream that ends first gives an
// error.
func (s *Stream) Flushed(ctx context.Context, lane uint8) error {
	l := s.send[lane]
	select {
	case <-l.flushed:
		return nil
	default:
	}
	select {
	case <-l.flushed:
		return nil
	case <-s.quiet:
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		if l.eof {
			return nil
		}
		return s.endError()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stopped is closed once the peer said that it reads no more of the lane: what was not sent is dropped then, and EOF
// goes out. Close the source.
func (s *Stream) Stopped(lane uint8) <-chan struct{} { return s.send[lane].stop }

// Sent is how many bytes of the lane went out as DATA.
func (s *Stream) Sent(lane uint8) uint64 {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.send[lane].sent
}

func (s *Stream) onStop(l *sendLane) {
	if l.stopped {
		return
	}
	l.stopped = true
	close(l.stop)
	l.drop()
	signal(l.wake)
	if l.due() {
		s.conn.schedule(l)
	}
}

// Next waits for bytes of the lane and gives those at its front, valid until Advance. io.EOF: everything came and was
// taken. Any other error: the lane ended before its EOF.
func (s *Stream) Next(ctx context.Context, lane uint8) ([]byte, error) {
	l := s.recv[lane]
	c := s.conn
	for {
		c.mu.Lock()
		switch {
		case l.stopped:
			c.mu.Unlock()
			return nil, frame.ErrStopped
		case l.buf.held() > 0:
			p := l.buf.at(l.buf.start)
			c.mu.Unlock()
			return p, nil
		case l.eof && !l.dropped:
			c.mu.Unlock()
			return nil, io.EOF
		case s.ours == ended:
			err := s.endError()
			c.mu.Unlock()
			return nil, err
		}
		c.mu.Unlock()
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Advance says that n bytes of what Next gave are consumed, which is what the peer's credit follows.
func (s *Stream) Advance(lane uint8, n int) {
	l := s.recv[lane]
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.stopped || l.buf.held() < uint64(n) {
		return // stopped or dropped in between
	}
	if l.consume(n) && !l.dirty {
		l.dirty = true
		c.credits = append(c.credits, l)
		c.wakeWriter()
	}
}

// Stop says that this side reads no more of the lane: what comes is counted and dropped.
func (s *Stream) Stop(lane uint8) {
	l := s.recv[lane]
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.stopped {
		return
	}
	l.stopped = true
	l.shrink()
	l.buf.purge()
	signal(l.wake)
	if s.ours == open && !l.eof {
		c.ctl = frame.Header{Type: frame.TypeStop, Lane: lane, Stream: s.id}.Append(c.ctl)
		c.wakeWriter()
	}
}

// Received is how many bytes of the lane came as DATA, dropped ones included.
func (s *Stream) Received(lane uint8) uint64 {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.recv[lane].received
}

// EOFSeen is closed when the peer's EOF of the lane came.
func (s *Stream) EOFSeen(lane uint8) <-chan struct{} { return s.recv[lane].eofSeen }

func (s *Stream) onEOF(l *recvLane, p []byte) error {
	final, err := frame.ParseUint64(p)
	if err != nil {
		return protocolf("%v", err)
	}
	if final != l.received {
		s.fault(&frame.StreamError{Code: frame.CodeProtocol, Text: "EOF does not stand where the data ended"})
		return nil
	}
	l.eof = true
	if l.buf.held() == 0 {
		l.shrink()
	}
	close(l.eofSeen)
	signal(l.wake)
	return nil
}
