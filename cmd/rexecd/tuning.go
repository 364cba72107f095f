package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"rexec/internal/policy"
	"rexec/internal/server"
	"rexec/internal/strictoml"
)

// tuning is the part of rexecd.toml that nobody has to write: every key has a default.
type tuning struct {
	Budgets          server.Budgets // unproved, unproved_per_source, penalty, penalty_min, penalty_max, exempt
	HandshakeTimeout time.Duration  // handshake_timeout
	RefuseAfter      time.Duration  // refuse_after
	Streams          int            // streams_per_connection
	Sessions         int            // sessions
	SessionsPerKey   int            // sessions_per_key
	Grace            time.Duration  // grace
	AwayLimit        time.Duration  // away_limit
	ShutdownTime     time.Duration  // shutdown_time: how long running commands may go on after TERM
	LogLevel         logrus.Level   // log_level
	LogFormat        string         // log_format: auto, text or json
	Metrics          string         // metrics: a loopback address; empty: none
}

func readTuning(t *strictoml.Table) tuning {
	const hour = time.Hour
	u := tuning{
		Budgets: server.Budgets{
			Unproved:          number(t, "unproved", 256, 1, 1<<16),
			UnprovedPerSource: number(t, "unproved_per_source", 64, 1, 1<<16),
			Penalty:           period(t, "penalty", 5*time.Second, 0, hour),
			PenaltyMin:        period(t, "penalty_min", 15*time.Second, time.Millisecond, 24*hour),
			PenaltyMax:        period(t, "penalty_max", 10*time.Minute, time.Millisecond, 24*hour),
			Exempt:            networks(t, "exempt"),
		},
		HandshakeTimeout: period(t, "handshake_timeout", 10*time.Second, time.Second, 10*time.Minute),
		RefuseAfter:      period(t, "refuse_after", 250*time.Millisecond, time.Millisecond, 5*time.Second),
		Streams:          number(t, "streams_per_connection", 256, 1, 32767), // ids are 16 bits, the client's odd
		Sessions:         number(t, "sessions", server.DefaultSessions, 1, 1<<20),
		SessionsPerKey:   number(t, "sessions_per_key", server.DefaultSessionsPerKey, 1, 1<<20),
		Grace:            period(t, "grace", 5*time.Second, time.Millisecond, hour),
		AwayLimit:        period(t, "away_limit", 24*hour, time.Second, 365*24*hour),
		ShutdownTime:     period(t, "shutdown_time", 10*time.Second, time.Millisecond, 24*hour),
		LogLevel:         logrus.InfoLevel,
		LogFormat:        oneOf(t, "log_format", "auto", "text", "json"),
		Metrics:          t.Text("metrics"),
	}
	if level, err := logrus.ParseLevel(oneOf(t, "log_level", "info", "error", "warn", "debug")); err == nil {
		u.LogLevel = level
	}
	if u.Budgets.Penalty == 0 {
		u.Budgets.Penalty = -1 // server.Budgets: no penalties
	}
	if u.Budgets.PenaltyMin > u.Budgets.PenaltyMax {
		t.Fail(either(t, "penalty_min", "penalty_max"), fmt.Errorf("makes penalty_min (%v) more than penalty_max (%v): nobody would be shut out", u.Budgets.PenaltyMin, u.Budgets.PenaltyMax))
	}
	if u.Budgets.UnprovedPerSource > u.Budgets.Unproved {
		t.Fail(either(t, "unproved_per_source", "unproved"), fmt.Errorf("makes unproved_per_source (%d) more than unproved (%d)", u.Budgets.UnprovedPerSource, u.Budgets.Unproved))
	}
	if u.SessionsPerKey > u.Sessions {
		if t.Has("sessions_per_key") {
			t.Fail("sessions_per_key", fmt.Errorf("is %d, more than sessions (%d)", u.SessionsPerKey, u.Sessions))
		}
		u.SessionsPerKey = u.Sessions
	}
	if err := loopback(u.Metrics); t.Has("metrics") && err != nil {
		t.Fail("metrics", err)
	}
	return u
}

// into fills in the daemon's settings.
func (u tuning) into(c *server.Config) {
	c.Budgets, c.HandshakeTimeout, c.RefuseAfter, c.RefuseJitter = u.Budgets, u.HandshakeTimeout, u.RefuseAfter, u.RefuseAfter/5
	c.Streams, c.Sessions, c.SessionsPerKey = u.Streams, u.Sessions, u.SessionsPerKey
	c.Grace, c.AwayLimit = u.Grace, u.AwayLimit
}

// either is the one of two names that the file has, so that the complaint has a row.
func either(t *strictoml.Table, a, b string) string {
	if t.Has(a) {
		return a
	}
	return b
}

// number reads a whole number from least to most; absent: def.
func number(t *strictoml.Table, name string, def, least, most int) int {
	n := t.Int(name)
	if !t.Has(name) {
		return def
	}
	if n < int64(least) || n > int64(most) {
		t.Fail(name, fmt.Errorf("is %d, want %d to %d", n, least, most))
		return def
	}
	return int(n)
}

// period reads a duration from least to most; absent: def.
func period(t *strictoml.Table, name string, def, least, most time.Duration) time.Duration {
	d := t.Duration(name)
	if !t.Has(name) {
		return def
	}
	if d < least || d > most {
		t.Fail(name, fmt.Errorf("is %v, want %v to %v", d, least, most))
		return def
	}
	return d
}

// oneOf reads one of some words; absent: the first.
func oneOf(t *strictoml.Table, name string, words ...string) string {
	text := t.Text(name)
	if !t.Has(name) {
		return words[0]
	}
	if !slices.Contains(words, text) {
		t.Fail(name, fmt.Errorf("is %.64q, want one of %s", text, strings.Join(words, " ")))
		return words[0]
	}
	return text
}

// networks reads addresses and networks.
func networks(t *strictoml.Table, name string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range t.Texts(name) {
		p, err := policy.ParseSource(text)
		if err != nil {
			t.Fail(name, fmt.Errorf("has %.64q in it, %w", text, err))
			continue
		}
		all = append(all, p)
	}
	return all
}

// loopback refuses an address that other machines could reach: who asks for metrics proves nothing.
func loopback(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf(`is %.64q, want a loopback address and a port, as "127.0.0.1:9752"`, address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("has the port %.64q, want 1 to 65535", port)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return errors.New("is not a loopback address such as 127.0.0.1 or [::1]: nobody proves anything there, so no other machine may reach it")
	}
	return nil
}
