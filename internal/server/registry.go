package server

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"rexec/session"
)

// registry knows every session from before its process starts until its verdict is delivered. A connection is a viewer
// of sessions; the registry owns them, so that a later viewer can find one by its id.
type registry struct {
	mu       sync.Mutex
	sessions map[string]*record // by hex of the session id
}

// record is one session.
type record struct {
	ID      [16]byte
	Key     string
	User    string
	Request []byte // the client's id of its request; nil: none
	Began   time.Time
	end     context.CancelCauseFunc
	entry   *entry // in the run folder; nil: none
}

func (r *record) name() string { return hex.EncodeToString(r.ID[:]) }

func (g *registry) add(r *record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions[r.name()] = r
}

func (g *registry) remove(r *record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, r.name())
}

// count is how many sessions a key has.
func (g *registry) count(key string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, r := range g.sessions {
		if r.Key == key {
			n++
		}
	}
	return n
}

// end ends every session for a reason, and every connection.
func (s *Server) end(reason string) {
	s.sess.mu.Lock()
	for _, r := range s.sess.sessions {
		r.end(&session.EndError{Reason: reason})
	}
	s.sess.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		l.GoAway(0, reason)
	}
}
