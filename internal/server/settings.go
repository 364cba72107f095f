package server

import (
	"fmt"
	"slices"
	"time"

	"rexec/internal/audit"
	"rexec/internal/policy"
	"rexec/platform"
)

// Reload takes from next what can change while the daemon runs: all but Names, HostKey, Trees, Memory, Params, SFTPServer, RunDir,
// Log and Audit, which stay. Connections that are proved keep the limits they came with; what runs with a key that is not
// good any more ends.
func (s *Server) Reload(next Config) {
	next = next.orDefault()
	s.live.Store(&next)
	s.gate.set(next.Budgets)
	_ = s.note(audit.Record{Event: audit.DaemonReloaded})
	if next.Ring != nil {
		s.SetRing(next.Ring)
	}
}

// settings are those of now; they must not be changed.
func (s *Server) settings() *Config { return s.live.Load() }

func (c Config) orDefault() Config {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.Sessions, DefaultSessions)
	set(&c.SessionsPerKey, DefaultSessionsPerKey)
	if c.Path == "" {
		c.Path = platform.DefaultPath
	}
	return c
}

// The bounds on commands that run at the same time where Config names none.
const (
	DefaultSessions       = 1024
	DefaultSessionsPerKey = 512
)

// enter adds a session, unless a limit stands against it: counting and adding are one step, so that requests that come
// at the same moment cannot pass it together.
func (g *registry) enter(r *record, key policy.Key, cfg *Config) *policy.Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.of(r.Key)
	switch {
	case key.MaxSessions > 0 && n >= key.MaxSessions:
		return policy.RefuseSessions(key)
	case n >= cfg.SessionsPerKey:
		return &policy.Refusal{Rule: policy.RuleSessions, Text: fmt.Sprintf("key %q has %d sessions already, the most that this daemon allows a key: end one first", r.Key, n)}
	case len(g.sessions) >= cfg.Sessions:
		return &policy.Refusal{Rule: policy.RuleSessions, Text: fmt.Sprintf("this daemon has %d sessions already, which is its limit: end one first", len(g.sessions))}
	}
	g.sessions[r.name()] = r
	return nil
}

// set puts other budgets in place; what they would not have let in stays until its time is over.
func (g *gate) set(b Budgets) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.budgets = b.orDefault()
	now := time.Now()
	for from, o := range g.sources {
		switch {
		case g.budgets.Penalty < 0 || slices.ContainsFunc(g.budgets.Exempt, from.Overlaps):
			o.shut, o.until = false, time.Time{}
		case o.until.Sub(now) > g.budgets.PenaltyMax:
			o.until = now.Add(g.budgets.PenaltyMax)
		}
	}
}
