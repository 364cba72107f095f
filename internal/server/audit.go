package server

import (
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/audit"
	"rexec/internal/link"
	"rexec/internal/policy"
	"rexec/session"
)

// note writes an audit line. That it could not is in the log, once a second; the error is for those who must not go on
// without the line.
func (s *Server) note(r audit.Record) error {
	err := s.cfg.Audit.Write(r)
	if err != nil {
		s.auditFailed.Do(func() {
			s.log.WithError(err).WithField("event", string(r.Event)).Error("cannot write to the audit log: see that its disk has room and its folder is there")
		})
		if !s.cfg.Audit.Strict() {
			return nil
		}
	}
	return err
}

// noteRefused writes that a connection was not let in, with a bound for what strangers can cause. key is the proved one.
func (s *Server) noteRefused(from net.Addr, key, rule, reason string) {
	s.refusals.Add(sourceOf(from), audit.Record{Event: audit.ConnectionRefused, Remote: from.String(), Key: key, Rule: rule, Reason: reason})
}

// noteStarted and noteStopped frame the daemon's life, however many listeners it has.
func (s *Server) noteStarted() {
	s.announce.Do(func() { _ = s.note(audit.Record{Event: audit.DaemonStarted, Names: s.cfg.Names}) })
}

func (s *Server) noteStopped() {
	s.farewell.Do(func() {
		s.refusals.Close()
		_ = s.note(audit.Record{Event: audit.DaemonStopped, Names: s.cfg.Names})
	})
}

// noteKeys writes how a key ring differs from the one before.
func (s *Server) noteKeys(old, next *policy.Ring) {
	k := audit.Keys{}
	for _, is := range next.Keys() {
		if was, ok := old.Key(is.ID); !ok {
			k.Added = append(k.Added, is.ID)
		} else if !sameKey(was, is) {
			k.Changed = append(k.Changed, is.ID)
		}
	}
	for _, was := range old.Keys() {
		if _, ok := next.Key(was.ID); !ok {
			k.Removed = append(k.Removed, was.ID)
		}
	}
	if len(k.Added)+len(k.Removed)+len(k.Changed) > 0 {
		_ = s.note(audit.Record{Event: audit.KeysChanged, Keys: &k})
	}
}

func sameKey(a, b policy.Key) bool {
	if !a.Secret.Equal(b.Secret) || !a.NextSecret.Equal(b.NextSecret) {
		return false
	}
	a.Secret, a.NextSecret, b.Secret, b.NextSecret = hmacauth.Secret{}, hmacauth.Secret{}, hmacauth.Secret{}, hmacauth.Secret{}
	return reflect.DeepEqual(a, b)
}

// asked is a command as its START has it.
func asked(start frame.Start) *audit.Command {
	words := readingOf(start)
	c := &audit.Command{
		Argv: words.list(start.Argv), Line: words.text(start.Line), Subsystem: start.Subsystem, Cwd: words.text(start.Cwd),
		Env: words.list(names(slices.Concat(start.Env, start.EnvOffered))), Words: words.encoding(), Request: start.Request,
	}
	if t := start.Terminal; t != nil {
		c.Terminal = &audit.Terminal{Term: t.Term, Rows: t.Size.Rows, Cols: t.Size.Cols}
	}
	return c
}

// about is what all lines of one command share.
func (r *record) about(event audit.Event, l *link.Link) audit.Record {
	return audit.Record{Event: event, Session: r.name(), Key: r.Key, Remote: l.Remote.String(), User: r.User}
}

const unrecorded = "cannot write the audit log, and this daemon does nothing that it cannot record: tell its administrator"

// accept writes what runs as whom and where, before it does. It is the last thing before the start; a Failure is strict's.
func (s *Server) accept(l *link.Link, r *record, start frame.Start, grant policy.Grant, dir string) *session.Failure {
	c, words := asked(start), readingOf(start)
	c.Argv, c.Line, c.Cwd, c.Forced = words.list(grant.Argv), words.text(grant.Line), dir, grant.Forced
	if ours, ok := strings.CutSuffix(dir, start.Cwd); ok { // in front of it may stand the user's home
		c.Cwd = ours + words.text(start.Cwd)
	}
	switch {
	case grant.Forced: // by the ring, which is UTF-8
		c.Argv, c.Line, c.Asked = grant.Argv, grant.Line, words.text(grant.Original)
	case start.Line != grant.Line:
		c.Asked = words.text(start.Line)
	}
	n := r.about(audit.CommandAccepted, l)
	n.Command = c
	r.accepted = true
	if s.note(n) != nil {
		return unable(unrecorded)
	}
	return nil
}

// noteFailure writes that nothing ran: the limits said no, or it could not be started.
func (s *Server) noteFailure(l *link.Link, r *record, start frame.Start, f *session.Failure) {
	event := audit.StartFailed
	if f.Kind == frame.Refused {
		event = audit.CommandRefused
	}
	n := r.about(event, l)
	n.Command, n.Rule, n.Reason = asked(start), r.rule, f.Reason
	if n.User == "" {
		n.User = start.User
	}
	_ = s.note(n)
}

// noteEnded writes the end of a command that ran.
func (s *Server) noteEnded(l *link.Link, r *record, v frame.Verdict) {
	if !r.accepted || v.Kind == frame.Refused || v.Kind == frame.StartFailed {
		return
	}
	n := r.about(audit.CommandEnded, l)
	n.End = &audit.End{Kind: v.Kind.String(), Code: v.Code, Signal: v.Signal, In: v.In, Out: v.Out, Err: v.Err,
		Survivors: v.Survivors, Wall: time.Duration(v.Wall) * time.Microsecond}
	n.Reason = v.Reason
	_ = s.note(n)
}
