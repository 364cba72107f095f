package mux

import (
	"context"
	"fmt"
	"io"
	"math"

	"rexec/frame"
)

// end is how far one side is with a stream. Each side ends it with exactly one CLOSE or RESET:
//
//	ours   theirs
//	open   open    --Close, Reset-->     ended  open     what comes is dropped
//	open   open    --CLOSE, RESET came-> ended  ended    answered at once; what came before can still be read
//	ended  open    --CLOSE, RESET came-> ended  ended
//
// With both ended the stream leaves the table and its id is free.
type end uint8

const (
	open  end = 1
	ended end = 2
)

type message struct {
	t       frame.Type
	payload []byte
}

// Stream is one of a connection's streams. Messages may be sent from any goroutine; Recv, and each lane's writing or
// reading side, belong to one goroutine each. Lanes are named by their number, 1 to 3.
type Stream struct {
	conn   *Conn
	id     uint16
	kind   string
	remote bool // the peer opened it

	terminal bool // somebody sits in front of it

	// Under Conn.mu.
	ours, theirs end
	accepted     bool  // the first credits are known: ACCEPT came, or the peer opened the stream
	err          error // how it ended for us: the peer's RESET, a lost connection, or ErrClosed
	inbox        []message
	begun        bool   // the peer opened it and said START or ATTACH
	said         uint64 // the messages that came, a bit each: 1 << (type & 63)
	send         [4]*sendLane
	recv         [4]*recvLane

	quiet  chan struct{} // closed by endOurs
	inWake chan struct{} // one token: a message, or an end; taken by Recv
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newStream(c *Conn, id uint16, kind string, credit [2]uint64, fixed bool) *Stream {
	s := &Stream{conn: c, id: id, kind: kind, ours: open, theirs: open,
		quiet: make(chan struct{}), inWake: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if c.cfg.Role == Client {
		s.send[frame.LaneIn] = newSendLane(s, frame.LaneIn)
		s.recv[frame.LaneOut] = newRecvLane(s, frame.LaneOut, credit[0], fixed)
		s.recv[frame.LaneErr] = newRecvLane(s, frame.LaneErr, credit[1], fixed)
	} else {
		s.recv[frame.LaneIn] = newRecvLane(s, frame.LaneIn, credit[0], fixed)
		s.send[frame.LaneOut] = newSendLane(s, frame.LaneOut)
		s.send[frame.LaneErr] = newSendLane(s, frame.LaneErr)
	}
	return s
}

// Open opens a stream of a kind. credit holds the first credits of the lanes this side receives, in lane order; terminal
// keeps those windows from growing, and asks earlier after a silent peer. OPEN is queued at once; the peer's ACCEPT brings
// the credit to send.
func (c *Conn) Open(kind string, credit [2]uint64, terminal bool) (*Stream, error) {
	o := frame.Open{Kind: kind, Credit: credit}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.goneAway != nil:
		return nil, &frame.StreamError{Code: frame.CodeGoingAway, Text: c.goneAway.Text, Remote: true}
	case c.going || c.closing:
		return nil, &frame.StreamError{Code: frame.CodeGoingAway}
	}
	id, ok := c.freeID()
	if !ok {
		return nil, &frame.StreamError{Code: frame.CodeOverload, Text: "every stream id is in use"}
	}
	s := newStream(c, id, kind, credit, terminal)
	c.streams[id] = s
	if terminal {
		s.setTerminal()
	}
	c.queue(frame.TypeOpen, id, o.Append(nil))
	return s, nil
}

// freeID gives the next id of our parity that is not in use: 1, 3, .. 65535 for a client, 2, 4, .. 65534 for a daemon.
func (c *Conn) freeID() (uint16, bool) {
	first := uint16(1)
	if c.cfg.Role == Daemon {
		first = 2
	}
	if c.nextID == 0 {
		c.nextID = first
	}
	for range 1 << 15 {
		id := c.nextID
		c.nextID += 2
		if c.nextID < 2 {
			c.nextID = first
		}
		if c.streams[id] == nil {
			return id, true
		}
	}
	return 0, false
}

// Accept waits for the next stream that the peer opened.
func (c *Conn) Accept(ctx context.Context) (*Stream, error) {
	select {
	case s := <-c.backlog:
		return s, nil
	default:
	}
	select {
	case s := <-c.backlog:
		return s, nil
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Kind is the name the stream was opened with.
func (s *Stream) Kind() string { return s.kind }

// Context is done when both sides ended the stream or the connection is lost. Its cause is a *frame.StreamError, a
// *frame.ConnError, or frame.ErrClosed after a normal end.
func (s *Stream) Context() context.Context { return s.ctx }

// Send queues a message, START to ATTACH. It copies payload, and it never waits. One that the other side would end the
// connection for is refused.
func (s *Stream) Send(t frame.Type, payload []byte) error {
	if t < frame.TypeStart || t > frame.TypeAttach {
		return fmt.Errorf("%v is no message of a stream", t)
	}
	h := frame.Header{Length: uint32(min(uint64(len(payload)), math.MaxUint32)), Type: t, Stream: s.id}
	if err := h.Check(frame.MaxMaxFrame); err != nil {
		return err
	}
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ours == ended {
		return s.endError()
	}
	if len(c.ctl)+len(payload) > maxQueued {
		return &frame.StreamError{Code: frame.CodeOverload, Text: "the other side does not read its messages"}
	}
	c.queue(t, s.id, payload)
	return nil
}

// Recv waits for the next message; the payload is the caller's. After the peer's CLOSE it gives io.EOF, after its RESET
// a *frame.StreamError, after a loss a *frame.ConnError.
func (s *Stream) Recv(ctx context.Context) (frame.Type, []byte, error) {
	c := s.conn
	for {
		c.mu.Lock()
		if len(s.inbox) > 0 {
			m := s.inbox[0]
			s.inbox[0] = message{}
			s.inbox = s.inbox[1:]
			c.mu.Unlock()
			return m.t, m.payload, nil
		}
		if s.ours == ended {
			err := s.endError()
			if err == frame.ErrClosed && s.theirs == ended {
				err = io.EOF
			}
			c.mu.Unlock()
			return 0, nil, err
		}
		c.mu.Unlock()
		select {
		case <-s.inWake:
		case <-ctx.Done():
			return 0, nil, context.Cause(ctx)
		}
	}
}

// Close ends the stream: messages that are queued still go out, data that was not sent is dropped.
func (s *Stream) Close() error {
	s.finish(frame.TypeClose, nil)
	return nil
}

// Reset ends the stream and tells why.
func (s *Stream) Reset(code frame.Code, text string) {
	s.finish(frame.TypeReset, frame.Ending{Code: code, Text: text}.Append(nil))
}

func (s *Stream) finish(t frame.Type, payload []byte) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ours == ended {
		return
	}
	s.endOurs()
	s.dropLanes()
	s.wakeAll()
	c.queue(t, s.id, payload)
}

// endOurs moves this side to its end.
func (s *Stream) endOurs() {
	s.ours = ended
	if s.terminal {
		s.conn.terminals--
	}
	close(s.quiet)
}

// peerEnded takes the peer's CLOSE (nil) or RESET. An end of ours that is not said yet is said now: the peer drops
// whatever else we would send.
func (s *Stream) peerEnded(reset *frame.StreamError) error {
	s.theirs = ended
	var err error
	if s.ours == open {
		err = s.conn.reply(frame.TypeClose, s.id, nil)
	}
	delete(s.conn.streams, s.id)
	if s.remote {
		s.conn.peers--
	}
	if reset != nil {
		s.over(reset)
	} else {
		s.over(frame.ErrClosed)
	}
	s.conn.checkIdle()
	return err
}

// over is the end of the stream on both sides, or of its connection.
func (s *Stream) over(err error) {
	if s.err == nil {
		s.err = err
	}
	if s.ours == open {
		s.endOurs()
		for _, l := range s.send {
			if l != nil {
				l.drop()
			}
		}
		for _, l := range s.recv {
			if l != nil {
				l.shrink() // what came can still be read
			}
		}
	}
	s.cancel(err)
	s.wakeAll()
}

// dropLanes forgets all data, ours to send and theirs to read.
func (s *Stream) dropLanes() {
	for _, l := range s.send {
		if l != nil {
			l.drop()
		}
	}
	for _, l := range s.recv {
		if l != nil {
			l.dropped = !l.eof || l.buf.held() > 0
			l.shrink()
			l.buf.purge()
		}
	}
}

func (s *Stream) wakeAll() {
	signal(s.inWake)
	for _, l := range s.send {
		if l != nil {
			signal(l.wake)
		}
	}
	for _, l := range s.recv {
		if l != nil {
			signal(l.wake)
		}
	}
}

// endError is what a caller gets on a stream that this side ended, or that was ended for it.
func (s *Stream) endError() error {
	if s.err != nil {
		return s.err
	}
	return frame.ErrClosed
}

// takeCredits gives the lanes we send their first credit, in lane order.
func (s *Stream) takeCredits(credit [2]uint64) {
	s.accepted = true
	k := 0
	for _, l := range s.send {
		if l != nil {
			l.limit = credit[k]
			l.grow(credit[k])
			k++
			signal(l.wake)
			if l.due() {
				s.conn.schedule(l)
			}
		}
	}
}

// firstCredits are those of the lanes we receive, in lane order.
func (s *Stream) firstCredits() (credit [2]uint64) {
	k := 0
	for _, l := range s.recv {
		if l != nil {
			credit[k] = l.window
			k++
		}
	}
	return credit
}

func (s *Stream) onAccept(p []byte) error {
	a, err := frame.ParseAccept(p)
	if err != nil {
		return protocolf("%v", err)
	}
	if s.accepted {
		return protocolf("ACCEPT of stream %d, which is accepted", s.id)
	}
	s.takeCredits(a.Credit)
	return nil
}

// onMessage puts a message of lane 0 into the inbox. Of RESIZEs only the last waits, and it does not count.
func (s *Stream) onMessage(t frame.Type, p []byte) error {
	if err := s.order(t); err != nil {
		return err
	}
	waiting := len(s.inbox)
	for i := range s.inbox {
		if s.inbox[i].t == frame.TypeResize {
			waiting--
			if t == frame.TypeResize {
				s.inbox[i].payload = append(s.inbox[i].payload[:0], p...)
				return nil
			}
		}
	}
	if waiting >= maxInbox && t != frame.TypeResize {
		s.fault(&frame.StreamError{Code: frame.CodeOverload, Text: "more than 64 messages wait"})
		return nil
	}
	s.inbox = append(s.inbox, message{t, append([]byte(nil), p...)})
	signal(s.inWake)
	return nil
}

// order holds who says what, and how often. The messages that may be large are said once, which bounds the inbox in
// bytes too.
func (s *Stream) order(t frame.Type) error {
	var opener, first, once bool
	switch t {
	case frame.TypeStart, frame.TypeAttach:
		opener, first, once = true, true, true
	case frame.TypeVerdictAck, frame.TypeResize, frame.TypeSignal, frame.TypeCancel:
		opener = true
	default: // STARTED, VERDICT
		once = true
	}
	bit := uint64(1) << (t & 63)
	switch {
	case s.remote != opener:
		return protocolf("%v on stream %d from the side that does not say it", t, s.id)
	case opener && first == s.begun:
		return protocolf("%v on stream %d, where START is said first and once", t, s.id)
	case once && s.said&bit != 0:
		return protocolf("a second %v on stream %d", t, s.id)
	}
	s.begun = s.begun || opener
	s.said |= bit
	return nil
}

// fault ends the stream with RESET for something the peer did on it.
func (s *Stream) fault(err *frame.StreamError) {
	s.err = err
	s.inbox = nil
	s.endOurs()
	s.dropLanes()
	s.wakeAll()
	s.conn.queue(frame.TypeReset, s.id, frame.Ending{Code: err.Code, Text: err.Text}.Append(nil))
}
