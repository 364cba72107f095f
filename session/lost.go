package session

import (
	"errors"

	"rexec/frame"
)

// contextEnded is the daemon's own wish.
func (s *server) contextEnded(cause error) {
	var ended *EndError
	if errors.As(cause, &ended) {
		s.end(frame.Ended, ended.Reason)
		return
	}
	if !s.lost {
		s.st.Reset(frame.CodeShutdown, cause.Error())
	}
	s.viewerLost(cause)
}

// viewerLost is the end of the stream before its time, or, once the verdict is out, simply its end. It is Recv that
// tells of it and not the stream's context, so that a CANCEL just before is not overtaken.
func (s *server) viewerLost(why error) {
	if s.lost {
		return
	}
	s.lost = true
	_ = s.st.Close()
	if s.phase == reported {
		s.phase.move(over)
		return
	}
	if !s.alive() {
		return
	}
	var reset *frame.StreamError
	switch {
	case errors.As(why, &reset) && reset.Remote: // RESET is CANCEL without a verdict
		s.end(frame.Canceled, why.Error())
		return
	case reset != nil: // the client broke a rule
		s.end(frame.Ended, why.Error())
		return
	}
	onLost := s.start.OnLost
	if onLost == frame.OnLostDefault {
		onLost = s.cfg.OnLost
	}
	terminal := s.start.Terminal != nil
	switch {
	case onLost == frame.OnLostTree, onLost == frame.OnLostDefault && !terminal:
		s.end(frame.Disconnected, why.Error())
		return
	case onLost == frame.OnLostHangup && terminal, onLost == frame.OnLostDefault:
		s.hangUp(why.Error())
		return
	case onLost == frame.OnLostHangup:
		if s.phase == running && s.step == noStep {
			s.endKind, s.endWhy = frame.Disconnected, why.Error()
		}
		s.report("signal HUP", s.p.Signal("HUP"))
	}
	if s.in != nil {
		s.in.close() // nobody will say more, and nothing ends the command that waits for it
	}
}
