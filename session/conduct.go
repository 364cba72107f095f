package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"rexec/frame"
)

// run is the conductor: it never waits for anything but this select, so that a stalled lane delays no message.
func (s *server) run(ctx context.Context) {
	defer func() {
		for _, a := range []*alarm{&s.timeout, &s.linger, &s.grace, &s.poll} {
			a.off()
		}
	}()
	stopped := [2]<-chan struct{}{s.st.Stopped(frame.LaneOut), s.st.Stopped(frame.LaneErr)}
	for s.advance(); s.phase != over; s.advance() {
		select {
		case m := <-s.msgs:
			s.message(m)
		case f := <-s.events:
			f()
		case e := <-s.exited:
			s.leaderEnded(e)
		case <-s.inDone:
			s.inDone = nil
		case <-stopped[0]:
			stopped[0] = nil
			s.out[0].stop()
		case <-stopped[1]:
			stopped[1] = nil
			s.out[1].stop()
		case <-s.timeout.c():
			s.timeout.off()
			s.end(frame.TimedOut, "")
		case <-s.linger.c():
			s.linger.off()
			s.cut()
		case <-s.grace.c():
			s.grace.off()
			s.graceOver()
		case <-s.poll.c():
			s.poll.off()
		case <-s.ctxDone:
			s.ctxDone = nil
			s.contextEnded(context.Cause(ctx))
		}
	}
}

// message is one of the client's while the command lives.
func (s *server) message(m message) {
	if m.err == io.EOF {
		m.err = &frame.StreamError{Code: frame.CodeProtocol, Text: "the client closed the stream before the verdict"}
	}
	if m.err != nil {
		s.viewerLost(m.err)
		return
	}
	if s.lost {
		return
	}
	var err error
	switch m.t {
	case frame.TypeSignal:
		var sig frame.Signal
		if sig, err = frame.ParseSignal(m.p); err == nil && sig.Seq > s.lastSeq {
			s.lastSeq = sig.Seq
			if s.alive() {
				s.report("signal "+sig.Name, s.p.Signal(sig.Name))
			}
		}
	case frame.TypeResize:
		var size frame.Size
		if size, err = frame.ParseSize(m.p); err == nil && s.alive() {
			if r, ok := s.p.(Resizer); ok {
				s.report("resize", r.Resize(size.Rows, size.Cols, size.XPix, size.YPix))
			}
		}
	case frame.TypeCancel:
		if _, err = frame.ParseCancel(m.p); err == nil {
			s.end(frame.Canceled, "")
		}
	case frame.TypeVerdictAck:
		if s.phase == reported {
			_ = s.st.Close()
			s.phase.move(over)
			return
		}
		err = errors.New("VERDICT_ACK before VERDICT")
	default:
		if m.t < frame.Skippable {
			err = fmt.Errorf("%v in the middle of a command", m.t)
		}
	}
	if err != nil {
		s.st.Reset(frame.CodeProtocol, err.Error())
		s.viewerLost(&frame.StreamError{Code: frame.CodeProtocol, Text: err.Error()})
	}
}

// alive reports whether the tree may still be signalled.
func (s *server) alive() bool { return s.phase == running || s.phase == lingering }

// leaderEnded is the one moment that decides what ended the command.
func (s *server) leaderEnded(e exit) {
	v := frame.Verdict{Kind: s.endKind, Code: e.code, Signal: e.signal, Core: e.core, Reason: s.endWhy,
		Wall: time.Since(s.began).Microseconds()}
	switch {
	case e.err != nil:
		v.Kind, v.Reason = frame.Unknown, e.err.Error()
	case v.Kind != 0:
	case e.signal != "":
		v.Kind = frame.Signaled
	default:
		v.Kind = frame.Exited
	}
	s.verdict = v
	s.phase.move(lingering)
	if s.in != nil {
		s.st.Stop(frame.LaneIn)
		s.in.close()
	}
	if s.step != noStep {
		return // the ending goes on until the tree is empty, then it sets the linger
	}
	switch l := s.start.Linger; {
	case l == 0 || s.start.Terminal != nil: // a background job that keeps the terminal is not waited for
		s.cut()
	case l > 0:
		s.linger.set(time.Duration(l) * time.Millisecond)
	}
}

// cut fixes what the outputs still have to deliver.
func (s *server) cut() {
	for _, o := range s.out {
		if !o.settled {
			o.settled = true
			s.report("what an output holds", o.cutNow())
		}
	}
}

// advance does what the last event made possible.
func (s *server) advance() {
	s.advanceEnding()
	if s.phase == lingering && (s.step == noStep || s.step == finished) &&
		(s.lost || s.out[0].settled && s.out[1].settled && !s.endSurvivors()) {
		s.timeout.off()
		s.linger.off()
		s.phase.move(delivering)
	}
	if s.phase == delivering && (s.lost || s.out[0].flushed && s.out[1].flushed && s.inDone == nil) {
		s.conclude()
	}
}

// conclude releases the process and reports.
func (s *server) conclude() {
	v := &s.verdict
	if s.p != nil {
		for i, o := range s.out {
			o.close()
			if o.held.Load() {
				v.Held |= frame.Held(1 << i)
			}
		}
		v.Survivors = uint32(s.p.Survivors())
		s.report("release", s.p.Release())
		user, system, peak := s.p.Usage()
		v.User, v.System, v.Peak = user.Microseconds(), system.Microseconds(), peak
		if s.in != nil {
			v.In = s.in.n.Load()
		}
		v.Out, v.Err = s.st.Sent(frame.LaneOut), s.st.Sent(frame.LaneErr)
	}
	v.Reason = clip(v.Reason)
	if s.cfg.Ended != nil {
		s.cfg.Ended(*v)
	}
	if s.lost {
		s.phase.move(over)
		return
	}
	s.phase.move(reported)
	s.tell(frame.TypeVerdict, v.Append(nil))
}

// tell sends what the client cannot do without. Where the stream is not over and yet takes no more, RESET spares the
// client an endless wait; of a stream that is over, Recv tells.
func (s *server) tell(t frame.Type, payload []byte) {
	err := s.st.Send(t, payload)
	var lost *frame.ConnError
	var reset *frame.StreamError
	if err == nil || errors.As(err, &lost) || errors.As(err, &reset) && reset.Remote || errors.Is(err, frame.ErrClosed) {
		return
	}
	why := &frame.StreamError{Code: frame.CodeInternal, Text: fmt.Sprintf("%v cannot be sent: %v", t, err)}
	s.report("send", why)
	s.st.Reset(why.Code, why.Text)
	s.viewerLost(why)
}

// clip cuts a text for people at the length that RESET has, so that VERDICT always fits its frame.
func clip(text string) string {
	if len(text) <= frame.MaxText {
		return text
	}
	n := frame.MaxText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
