package session

import (
	"time"

	"rexec/frame"
)

// A tree that was asked to end is looked at once its leader is gone: pollFirst later, then in intervals that double up
// to pollTime, because a look may cost a walk through every process there is.
const (
	pollFirst = 5 * time.Millisecond
	pollTime  = 160 * time.Millisecond
)

// end ends the tree. It is the first reason that counts, and none once the leader ended by itself; a tree that is being
// ended already goes on as it was.
func (s *server) end(kind frame.Kind, why string) {
	s.endBy(kind, why, s.terminate, s.kill)
}

// hangUp ends what a lost modem would: the terminal is closed, at which the kernel hangs up the leader and the
// foreground group, and later these get KILL. What left them lives on.
func (s *server) hangUp(why string) {
	s.endBy(frame.Disconnected, why, s.closeTerminal, s.killForeground)
}

func (s *server) endBy(kind frame.Kind, why string, first, second func() error) {
	select {
	case e := <-s.exited: // it was first
		s.leaderEnded(e)
	default:
	}
	if !s.alive() || s.step != noStep {
		return
	}
	if s.phase == running {
		s.endKind, s.endWhy = kind, why
	}
	s.first, s.second = first, second
	s.ask()
}

// endSurvivors ends what a command that is over left behind, where the daemon wants that; true: it is under way.
func (s *server) endSurvivors() bool {
	if !s.cfg.EndSurvivors || s.step != noStep || s.p.Survivors() == 0 {
		return false
	}
	s.first, s.second = s.p.Terminate, s.p.Kill
	s.ask()
	s.advanceEnding()
	return s.step != finished
}

func (s *server) ask() {
	s.step.move(asked)
	s.timeout.off()
	s.linger.off()
	s.report("terminate", s.first())
	s.grace.set(s.cfg.Grace)
}

// advanceEnding notices that the tree is empty.
func (s *server) advanceEnding() {
	if s.phase != lingering || s.step != asked && s.step != forced || s.poll.t != nil && s.grace.t != nil {
		return
	}
	if spent := s.step == forced && s.grace.t == nil; !spent && s.p.Survivors() > 0 {
		s.pollNext = min(max(2*s.pollNext, pollFirst), pollTime)
		s.poll.set(s.pollNext)
		return
	}
	s.endingOver()
}

// graceOver takes the next step. The grace behind the last one is for the dying: KILL is done when it is done.
func (s *server) graceOver() {
	if s.step == asked {
		s.report("kill", s.second())
		s.step.move(forced)
		s.grace.set(settleTime)
		s.poll.off() // look at once
		s.pollNext = 0
		// Behind that, advanceEnding gives up on whoever lives on. A leader that does waits in the kernel, and nothing
		// but its end can be waited for.
	}
}

func (s *server) endingOver() {
	s.step.move(finished)
	s.grace.off()
	s.poll.off()
	s.linger.set(settleTime)
}

func (s *server) terminate() error { return s.p.Terminate() }

func (s *server) kill() error { return s.p.Kill() }

func (s *server) closeTerminal() error {
	for _, o := range s.out {
		o.close()
	}
	return nil
}

func (s *server) killForeground() error {
	if p, ok := s.p.(ForegroundKiller); ok {
		return p.KillForeground()
	}
	return s.p.Signal("KILL")
}
