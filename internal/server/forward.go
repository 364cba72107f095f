package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"rexec/frame"
	"rexec/internal/audit"
	"rexec/internal/forward"
	"rexec/internal/link"
	"rexec/internal/policy"
	"rexec/session"
)

// reachTime bounds the connecting.
const reachTime = 30 * time.Second

// forward serves one stream of kind tcp: one connection that the daemon makes. It is a session like a command, by all the
// key's limits on number and time.
func (s *Server) forward(l *link.Link, st *link.Stream) {
	r := &record{Key: l.Peer.KeyID, Remote: l.Remote.String(), Began: time.Now()}
	_, _ = rand.Read(r.ID[:]) // never fails: it crashes the process instead
	ctx, end := context.WithCancelCause(s.ctx)
	defer end(nil)
	r.end = end
	defer context.AfterFunc(st.Context(), func() { end(context.Cause(st.Context())) })()
	defer func() {
		for _, t := range r.timers {
			t.Stop()
		}
		s.sess.remove(r)
	}()
	log := s.log.WithFields(logrus.Fields{"remote": l.Remote.String(), "key": r.Key, "session": r.name()})

	dial, err := recvDial(ctx, st)
	if err != nil {
		st.Reset(frame.CodeProtocol, err.Error())
		return
	}
	about := &audit.Forward{Address: dial.Address, Origin: dial.Origin}
	log = log.WithField("address", dial.Address)
	fail := func(event audit.Event, rule policy.Rule, code frame.Code, text string) {
		n := r.about(event, l)
		n.Forward, n.Rule, n.Reason = about, string(rule), text
		_ = s.note(n)
		log.WithFields(logrus.Fields{"rule": string(rule), "reason": text}).Warn("connection not forwarded")
		st.Reset(code, text)
	}
	if dial.Network != "tcp" {
		fail(audit.ForwardRefused, "", frame.CodeNotSupported, fmt.Sprintf("this daemon does not connect to network %q", dial.Network))
		return
	}
	idle, no := s.mayForward(l, r, dial)
	if no != nil {
		fail(audit.ForwardRefused, no.Rule, frame.CodeRefused, no.Text)
		return
	}
	n := r.about(audit.ForwardAccepted, l)
	n.Forward = about
	if s.note(n) != nil {
		st.Reset(frame.CodeInternal, unrecorded)
		return
	}
	c, err := (&net.Dialer{Timeout: reachTime}).DialContext(ctx, "tcp", dial.Address)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		fail(audit.ForwardFailed, "", frame.CodeUnreachable, unreachable(err))
		return
	}
	defer c.Close()
	log.WithField("reached", c.RemoteAddr().String()).Info("connection forwarded")
	s.started.Add(1)
	near := counted{TCP: forward.TCP{TCPConn: c.(*net.TCPConn)}}
	if err := st.Send(frame.TypeStarted, frame.Connected{Session: r.ID[:], Address: c.RemoteAddr().String()}.Append(nil)); err == nil {
		err = s.join(ctx, st, r, &near, idle)
		v := frame.Verdict{Kind: frame.Exited, In: near.in, Out: st.Sent(frame.LaneOut), Wall: time.Since(r.Began).Microseconds()}
		if err != nil {
			v.Kind, v.Reason = frame.Ended, err.Error()
		}
		n := r.about(audit.ForwardEnded, l)
		n.End = &audit.End{Kind: v.Kind.String(), In: v.In, Out: v.Out, Wall: time.Since(r.Began)}
		n.Reason = v.Reason
		_ = s.note(n)
		log.WithFields(logrus.Fields{"in": v.In, "out": v.Out, "reason": v.Reason}).Info("forwarded connection ended")
	}
}

// recvDial takes START.
func recvDial(ctx context.Context, st *link.Stream) (frame.Dial, error) {
	for {
		switch t, p, err := st.Recv(ctx); {
		case err != nil:
			return frame.Dial{}, err
		case t == frame.TypeStart:
			return frame.ParseDial(p)
		case t < frame.Skippable:
			return frame.Dial{}, fmt.Errorf("%v on a stream of kind tcp", t)
		}
	}
}

// mayForward is the choke point: the ring as it is now, and the registry.
func (s *Server) mayForward(l *link.Link, r *record, dial frame.Dial) (idle time.Duration, no *policy.Refusal) {
	ring := s.ring.Load()
	from := source(l.Remote)
	grant, no := ring.Authorize(r.Key, policy.Request{Kind: policy.KindTCP, From: from, Address: dial.Address}, time.Now())
	if no != nil {
		return 0, no
	}
	key, _ := ring.Key(r.Key)
	if no := s.sess.enter(r, key, s.settings()); no != nil {
		return 0, no
	}
	if no := s.ring.Load().Admit(r.Key, from, time.Now()); no != nil { // removed before the registry knew whom to end
		return 0, no
	}
	if grant.MaxDuration > 0 {
		r.endAfter(grant.MaxDuration, fmt.Sprintf("key %q allows a session %v", r.Key, grant.MaxDuration))
	}
	if !grant.Until.IsZero() {
		r.endAfter(time.Until(grant.Until), fmt.Sprintf("key %q expired", r.Key))
	}
	return grant.IdleTimeout, nil
}

// join copies until both directions ended, or ctx did.
func (s *Server) join(ctx context.Context, st *link.Stream, r *record, near forward.Near, idle time.Duration) error {
	far := farEnd{link.NewDuplex(st, true)}
	over, done := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer done()
	if idle > 0 {
		r.idle = idle
		watch.Go(func() { r.endWhenIdle(over, func() uint64 { return moved(st) }) })
	}
	watch.Go(func() { // the opener has nothing more to say
		for {
			t, _, err := st.Recv(over)
			if err != nil {
				return
			}
			if t < frame.Skippable {
				st.Reset(frame.CodeProtocol, fmt.Sprintf("%v on a stream of kind tcp", t))
				near.Abort()
				return
			}
		}
	})
	stop := context.AfterFunc(ctx, func() {
		var ended *session.EndError
		if errors.As(context.Cause(ctx), &ended) {
			code := frame.CodeRefused
			if s.Status().Closing {
				code = frame.CodeShutdown
			}
			st.Reset(code, ended.Reason)
			near.Abort()
		}
	})
	defer stop()
	err := forward.Join(near, far, nil)
	var ended *session.EndError
	if errors.As(context.Cause(ctx), &ended) {
		return ended
	}
	return err
}

// farEnd is the client's end as forward wants it.
type farEnd struct{ *link.Duplex }

// Abort tells the client that the connection here failed.
func (f farEnd) Abort(cause error) { f.Duplex.Abort(frame.CodeUnreachable, unreachable(cause)) }

// counted counts what is written to the connection.
type counted struct {
	forward.TCP
	in uint64 // read once Join has returned
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.TCP.Write(p)
	c.in += uint64(n)
	return n, err
}

// unreachable is why a connection came to nothing, without the address that the client knows.
func unreachable(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var number syscall.Errno
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such name"
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &op) && op.Err != nil:
		return op.Err.Error()
	}
	return err.Error()
}
