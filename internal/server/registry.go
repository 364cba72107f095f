package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rexec/frame"
	"rexec/internal/link"
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
	Remote  string
	User    string
	Request []byte // the client's id of its request; nil: none
	Began   time.Time
	end     context.CancelCauseFunc
	entry   *entry // in the run folder; nil: none
	timers  []*time.Timer
	idle    time.Duration // without a byte either way; 0: no limit
	pid     atomic.Int64  // of the command; 0: none

	accepted bool   // the audit log has it, or should
	rule     string // that refused it
}

// endAfter ends the session when d has passed; the timers are stopped by whoever serves it.
func (r *record) endAfter(d time.Duration, reason string) {
	r.timers = append(r.timers, time.AfterFunc(d, func() { r.end(&session.EndError{Reason: reason}) }))
}

// endWhenIdle ends the session once moved has not changed for r.idle, to within an eighth of it; it returns with ctx.
func (r *record) endWhenIdle(ctx context.Context, moved func() uint64) {
	look := time.NewTicker(max(r.idle/8, time.Millisecond))
	defer look.Stop()
	last, at := moved(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			if n := moved(); n != last {
				last, at = n, now
			} else if now.Sub(at) >= r.idle {
				r.end(&session.EndError{Reason: fmt.Sprintf("key %q allows a session %v without a byte", r.Key, r.idle)})
				return
			}
		}
	}
}

// moved counts a session's bytes, both ways.
func moved(st *link.Stream) uint64 {
	return st.Received(frame.LaneIn) + st.Sent(frame.LaneOut) + st.Sent(frame.LaneErr)
}

func (r *record) name() string { return hex.EncodeToString(r.ID[:]) }

func (g *registry) remove(r *record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, r.name())
}

// of is how many sessions a key has; g is locked.
func (g *registry) of(key string) int {
	n := 0
	for _, r := range g.sessions {
		if r.Key == key {
			n++
		}
	}
	return n
}

// len is how many there are.
func (g *registry) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// Session is one that runs, for who administers the daemon.
type Session struct {
	ID     string    `json:"id"` // hex
	Key    string    `json:"key"`
	User   string    `json:"user"` // that the command runs as
	Remote string    `json:"remote"`
	PID    int64     `json:"pid"` // 0: no process
	Since  time.Time `json:"since"`
}

// RunningSessions lists them, the oldest first.
func (s *Server) RunningSessions() []Session {
	s.sess.mu.Lock()
	defer s.sess.mu.Unlock()
	list := make([]Session, 0, len(s.sess.sessions))
	for _, r := range s.sess.sessions {
		list = append(list, Session{ID: r.name(), Key: r.Key, User: r.User, Remote: r.Remote, PID: r.pid.Load(), Since: r.Began})
	}
	slices.SortFunc(list, func(a, b Session) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

// end ends the sessions of keys for a reason; keys nil: all.
func (g *registry) end(reason string, keys []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.sessions {
		if keys == nil || slices.Contains(keys, r.Key) {
			r.end(&session.EndError{Reason: reason})
		}
	}
}

// end ends every session for a reason, and every connection.
func (s *Server) end(reason string) {
	s.sess.end(reason, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		l.GoAway(0, reason)
	}
}
