// Package server is the daemon without its files and flags: it accepts, keeps within its budgets, knows its sessions,
// and wires link, session, policy and platform together.
//
// It leaves wire bytes to link and session, permission to policy, processes to platform, and configuration to
// cmd/rexecd. Every command goes through one place, startCommand in exec.go.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/audit"
	"rexec/internal/link"
	"rexec/internal/policy"
	"rexec/platform"
)

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("server closed")

// Config is what a daemon runs with.
type Config struct {
	Names     []string        // the server ids it goes by; at least one
	HostKey   []byte          // PEM, as NewHostKey made it
	Ring      *policy.Ring    // the keys; replaced by SetRing
	AcceptEnv []string        // names and globs of variables any client may set
	Path      string          // PATH of commands; empty: the system's
	Shell     string          // the shell of all users; empty: each one's own
	Lang      string          // LANG of commands unless the client sends one; empty: none
	Log       *logrus.Entry   // nil: nothing is logged
	Trees     *platform.Trees // nil: probed
	Grace     time.Duration   // between asking a tree to end and killing it; 0: 5 s
	Memory    int64           // bytes that all windows together may grow by; 0: 1 GiB

	// Audit has every command before it starts and after its end; nil: nobody has. The caller closes it, after Shutdown.
	Audit *audit.Log

	Budgets Budgets // before the proofs

	Streams        int           // a connection may have open; 0: 256
	Sessions       int           // at the same time; 0: DefaultSessions
	SessionsPerKey int           // of one key, whose own limit may be lower; 0: DefaultSessionsPerKey
	AwayLimit      time.Duration // how long a client may be away; 0: 24 h

	// SFTPServer is the program that serves files when it is called with policy.SFTPCommand's second word: rexecd itself.
	// Empty: there is no subsystem sftp.
	SFTPServer string

	// RunDir is a folder in which running commands are remembered, so that a daemon that was killed ends at its next
	// start what it left behind. Empty: they are not. Two daemons must not share one.
	RunDir string
	// Params go into M4; zero fields: the defaults.
	Params hmacauth.Params

	// RefuseAfter and RefuseJitter are as in link.ServerConfig.
	RefuseAfter, RefuseJitter time.Duration
	// HandshakeTimeout bounds TLS and the proofs; 0: 10 s.
	HandshakeTimeout time.Duration
}

// Server serves connections until Shutdown or Close.
type Server struct {
	cfg      Config
	ownTrees bool // New probed cfg.Trees
	identity *link.Identity
	boot     hmacauth.Secret
	memory   *link.Budget
	ring     atomic.Pointer[policy.Ring]
	live     atomic.Pointer[Config] // what Reload changed; cfg holds the rest
	log      *logrus.Entry

	ctx    context.Context // of all sessions; its cause ends them
	cancel context.CancelCauseFunc
	conns  sync.WaitGroup // a connection each
	sess   registry
	since  time.Time

	refused, shutOut, started atomic.Uint64
	spool                     *spool
	users                     platform.Users
	gate                      *gate
	quiet                     quiet
	quietAccept               quiet // a failing accept

	refusals           *audit.Limiter
	announce, farewell sync.Once      // the audit log's first and last line of this daemon
	auditFailed        rate.Sometimes // says that a line could not be written

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	links     map[*link.Link]struct{}
	pending   map[net.Conn]struct{} // not yet authenticated
}

// NewHostKey makes a daemon's TLS key as PEM.
func NewHostKey(name string) ([]byte, error) { return link.NewIdentity(name) }

// HostPin is what clients pin: SHA-256 of the certificate in a host key.
func HostPin(hostKey []byte) ([]byte, error) {
	id, err := link.ParseIdentity(hostKey)
	if err != nil {
		return nil, err
	}
	pin := id.Pin()
	return pin[:], nil
}

// New checks cfg and makes a server that listens nowhere yet.
func New(cfg Config) (*Server, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("a daemon needs a name")
	}
	for _, n := range cfg.Names {
		if err := hmacauth.ValidateID("name", n); err != nil {
			return nil, err
		}
	}
	if cfg.Ring == nil {
		return nil, errors.New("a daemon needs a key ring")
	}
	id, err := link.ParseIdentity(cfg.HostKey)
	if err != nil {
		return nil, err
	}
	cfg = cfg.orDefault()
	if cfg.Memory == 0 {
		cfg.Memory = 1 << 30
	}
	if cfg.Log == nil {
		silent := logrus.New()
		silent.SetOutput(nowhere{})
		cfg.Log = logrus.NewEntry(silent)
	}
	ownTrees := cfg.Trees == nil
	if ownTrees {
		cfg.Trees = platform.NewTrees(platform.TreesOptions{})
	}
	s := &Server{
		cfg: cfg, ownTrees: ownTrees, identity: id, boot: hmacauth.NewSecret(), log: cfg.Log,
		memory:      link.NewBudget(cfg.Memory),
		quietAccept: quiet{again: cannotAccept},
		listeners:   make(map[net.Listener]struct{}),
		links:       make(map[*link.Link]struct{}),
		pending:     make(map[net.Conn]struct{}),
	}
	if s.spool, err = openSpool(cfg.RunDir); err != nil {
		return nil, err
	}
	if err := s.spool.sweep(cfg.Log); err != nil {
		s.spool.close()
		return nil, err
	}
	s.ring.Store(cfg.Ring)
	s.live.Store(&cfg)
	s.since = time.Now()
	s.gate = newGate(cfg.Budgets)
	s.refusals = audit.NewLimiter(func(r audit.Record) { _ = s.note(r) })
	s.auditFailed.Interval = time.Second
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.sess.sessions = make(map[string]*record)
	return s, nil
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// SetRing puts another key ring in place; it holds from the next proof and the next request on. What runs with a key
// that is not good any more ends.
func (s *Server) SetRing(r *policy.Ring) {
	old := s.ring.Swap(r)
	s.noteKeys(old, r)
	ended := policy.Ended(old, r, time.Now())
	if len(ended) == 0 {
		return
	}
	s.sess.end("the key was removed", ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		if slices.Contains(ended, l.Peer.KeyID) {
			l.GoAway(frame.CodeRefused, "the key was removed")
		}
	}
}

// Status is what a daemon can say of itself.
type Status struct {
	Since       time.Time `json:"since"`       // when it was made
	Connections int       `json:"connections"` // proved ones
	Unproved    int       `json:"unproved"`    // in the handshake
	Refused     uint64    `json:"refused"`     // handshakes that did not come through, so far
	ShutOut     uint64    `json:"shut_out"`    // connections of sources that gave too many wrong proofs, so far
	Sessions    int       `json:"sessions"`    // running now
	Started     uint64    `json:"started"`     // so far
	Closing     bool      `json:"closing"`     // Shutdown or Close was called
}

// Status says how things stand.
func (s *Server) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{Since: s.since, Connections: len(s.links), Unproved: len(s.pending), Refused: s.refused.Load(), ShutOut: s.shutOut.Load(),
		Sessions: s.sess.len(), Started: s.started.Load(), Closing: s.closed}
}

// Serve accepts connections from l until the server is shut down, and then returns ErrServerClosed. A failing Accept
// that can pass (EMFILE and the like) is waited out, up to a second at a time.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = l.Close()
		return ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	s.noteStarted()
	defer func() {
		_ = l.Close()
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()

	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			closed := s.closed
			s.mu.Unlock()
			if closed {
				return ErrServerClosed
			}
			if !passing(err) {
				return err
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.quietAccept.say(netip.Prefix{}, s.log.WithError(err).WithField("pause", pause.String()), logrus.WarnLevel, cannotAccept)
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = nc.Close()
			return ErrServerClosed
		}
		s.pending[nc] = struct{}{}
		s.conns.Add(1)
		s.mu.Unlock()
		ctx, yield := context.WithCancelCause(context.Background())
		answer := s.gate.enter(nc, func() { yield(errMadeWay) })
		if answer == shutOut {
			yield(nil)
			s.mu.Lock()
			delete(s.pending, nc)
			s.mu.Unlock()
			s.shutOut.Add(1)
			s.noteRefused(nc.RemoteAddr(), "", "", errShutOut.Error())
			_ = nc.Close()
			s.conns.Done()
			continue
		}
		go func() {
			defer s.conns.Done()
			defer yield(nil)
			s.serveConn(ctx, nc, answer)
		}()
	}
}

// cannotAccept is logged once a second for as long as it is so.
const cannotAccept = "cannot accept, waiting"

// passing tells failures of accept(2) that go away by themselves: all but those of the listener itself. Linux also
// gives what happened to the new connection, such as EPROTO, EHOSTUNREACH or a firewall's EPERM.
func passing(err error) bool {
	for _, e := range [...]error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EOPNOTSUPP} {
		if errors.Is(err, e) {
			return false
		}
	}
	var n syscall.Errno
	return errors.As(err, &n)
}

// Shutdown stops accepting, tells every client to open no more, and waits for the running sessions until ctx is done;
// then it ends those that are left, as their keys say. It returns ctx's error if it had to.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, l := range s.stopListening() {
		l.GoAway(frame.CodeShutdown, "the daemon is shutting down")
	}
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		s.conns.Wait()
	}()
	select {
	case <-idle:
		s.noteStopped()
		return s.closeTrees()
	case <-ctx.Done():
	}
	s.end("the daemon is shutting down")
	<-idle
	s.noteStopped()
	return errors.Join(context.Cause(ctx), s.closeTrees())
}

// closeTrees removes the folders that have become empty since somebody looked, and lets go of the run folder.
func (s *Server) closeTrees() error {
	s.spool.close()
	if s.ownTrees {
		return s.cfg.Trees.Close()
	}
	return nil
}

// Close ends everything now: all trees get TERM, and KILL after the grace.
func (s *Server) Close() error {
	for _, l := range s.stopListening() {
		l.GoAway(frame.CodeShutdown, "the daemon is shutting down")
	}
	s.end("the daemon is shutting down")
	s.conns.Wait()
	s.noteStopped()
	return s.closeTrees()
}

func (s *Server) stopListening() []*link.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close()
	}
	for nc := range s.pending {
		_ = nc.Close()
	}
	links := make([]*link.Link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	return links
}

func notServed(kind string) *frame.StreamError {
	switch kind {
	case frame.KindExec, frame.KindTCP:
		return nil
	case frame.KindListen:
		return &frame.StreamError{Code: frame.CodeNotSupported, Text: fmt.Sprintf("streams of kind %q are not supported", kind)}
	}
	return &frame.StreamError{Code: frame.CodeUnknownKind, Text: fmt.Sprintf("unknown kind %q", kind)}
}
