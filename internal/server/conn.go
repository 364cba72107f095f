package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/audit"
	"rexec/internal/link"
)

// Why a client is told that the daemon is busy.
var (
	errMadeWay = fmt.Errorf("%w: made way for a newer connection, for more are in the handshake than unproved or unproved_per_source allow", hmacauth.ErrBusy)
	errShutOut = fmt.Errorf("%w: its source is shut out after wrong proofs", hmacauth.ErrBusy)
)

// serveConn runs one connection from its first byte to its last. ctx ends when it must make way before its proof.
func (s *Server) serveConn(ctx context.Context, nc net.Conn, answer admission) {
	log := s.log.WithField("remote", nc.RemoteAddr().String())
	cfg := s.settings()
	admitted := true // its key may be used; link says whether there was a proof
	var refuse error
	if answer == shutTold {
		s.shutOut.Add(1)
		refuse = errShutOut
	}
	l, err := link.Server(ctx, nc, link.ServerConfig{
		Identity: s.identity,
		Auth: hmacauth.ServerConfig{
			ServerIDs: s.cfg.Names,
			Boot:      s.boot,
			Params:    s.cfg.Params,
			Lookup:    func(id string) (current, next hmacauth.Secret) { return s.ring.Load().Lookup(id) },
		},
		Timeout: cfg.HandshakeTimeout, RefuseAfter: cfg.RefuseAfter, RefuseJitter: cfg.RefuseJitter,
		Streams: cfg.Streams, AwayLimit: cfg.AwayLimit, Memory: s.memory,
		Refuse: refuse,
		Admit: func(peer hmacauth.Peer, from net.Addr) *frame.Ending {
			if no := s.ring.Load().Admit(peer.KeyID, source(from), time.Now()); no != nil {
				admitted = false
				s.noteRefused(from, peer.KeyID, string(no.Rule), no.Text)
				return &frame.Ending{Code: frame.CodeRefused, Text: no.Text}
			}
			return nil
		},
		Accept: notServed,
	})
	s.gate.leave(nc, errors.Is(err, hmacauth.ErrBadProof))
	s.mu.Lock()
	delete(s.pending, nc)
	if err == nil {
		s.links[l] = struct{}{}
		if s.closed {
			l.GoAway(frame.CodeShutdown, "the daemon is shutting down")
		}
	}
	s.mu.Unlock()
	if err != nil {
		if answer == letIn {
			s.refused.Add(1)
		}
		if s.logHandshake(sourceOf(nc.RemoteAddr()), log, err) {
			s.noteRefused(nc.RemoteAddr(), "", "", err.Error())
		}
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.links, l)
		s.mu.Unlock()
	}()
	log = log.WithField("key", l.Peer.KeyID)
	log.Debug("connected")
	if admitted {
		_ = s.note(audit.Record{Event: audit.Admitted, Key: l.Peer.KeyID, Remote: l.Remote.String()})
	}

	ctx, cancel := context.WithCancel(l.Context()) // from here on the link's own
	defer cancel()
	go func() { // once no new stream may come and the last is served, nothing keeps the connection
		select {
		case <-l.Idle():
			l.Close()
		case <-ctx.Done():
		}
	}()
	var streams sync.WaitGroup
	for {
		st, err := l.Accept(ctx)
		if err != nil {
			break
		}
		streams.Go(func() { s.serveStream(l, st) })
	}
	streams.Wait()
	err = l.Wait()
	log.WithError(err).Debug("disconnected")
}

func (s *Server) serveStream(l *link.Link, st *link.Stream) {
	switch st.Kind() {
	case frame.KindExec:
		s.exec(l, st)
	case frame.KindTCP:
		s.forward(l, st)
	default:
		st.Reset(frame.CodeUnknownKind, "")
	}
}

// logHandshake says why a peer did not come in: a wrong proof and a foreign protocol are worth a line, a port scan's
// silence is not. A source gets a line a second. It reports whether the peer was turned away rather than gone.
func (s *Server) logHandshake(from netip.Prefix, log *logrus.Entry, err error) bool {
	var refused *link.RefusedError
	switch {
	case errors.Is(err, hmacauth.ErrBusy):
		s.quiet.say(from, log.WithError(err), logrus.WarnLevel, "turned away")
	case errors.As(err, &refused):
		s.quiet.say(from, log.WithError(err), logrus.WarnLevel, "not admitted")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		log.WithError(err).Debug("left before it was known")
		return false
	default:
		s.quiet.say(from, log.WithError(err), logrus.InfoLevel, "does not speak rexec/1")
	}
	return true
}

// source is the address that limits are judged by; the zero Addr where there is none.
func source(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
