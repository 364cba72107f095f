package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Rule names the limit that refused, for the audit log. The words are fixed.
type Rule string

const (
	RuleKey      Rule = "key"      // not in the ring any more
	RuleDates    Rule = "dates"    // expired, or not good yet
	RuleSource   Rule = "source"   // from there
	RuleUser     Rule = "user"     // as that user
	RuleCommand  Rule = "command"  // that command, shell or forwarding
	RuleTerminal Rule = "terminal" // with a terminal
	RuleForward  Rule = "forward"  // to that address
	RuleEnv      Rule = "env"      // with that variable
	RuleSessions Rule = "sessions" // so many at a time
)

// Refusal is a no. Its text is one line for the user, safe to print: what the
// other side said is quoted in it.
type Refusal struct {
	Rule Rule
	Text string
}

func (r *Refusal) Error() string { return r.Text }

func refuse(rule Rule, format string, args ...any) *Refusal {
	return &Refusal{rule, fmt.Sprintf(format, args...)}
}

// Admit judges a connection whose key is proved: nil lets it in. A Refusal
// may be told, as GOAWAY, because the other side has proved that it holds the
// key. An address that is not valid comes from nowhere and passes no source
// limit.
func (r *Ring) Admit(keyID string, from netip.Addr, now time.Time) *Refusal {
	k, ok := r.Key(keyID)
	if !ok {
		return refuse(RuleKey, "key %.64q is not in the ring any more: ask for a new one", keyID)
	}
	return k.admit(from, now)
}

func (k Key) admit(from netip.Addr, now time.Time) *Refusal {
	if !k.NotBefore.IsZero() && now.Before(k.NotBefore) {
		return refuse(RuleDates, "key %q is not good before %s", k.ID, k.NotBefore.UTC().Format(time.RFC3339))
	}
	if k.expired(now) {
		return refuse(RuleDates, "key %q expired at %s: ask for a new one", k.ID, k.Expires.UTC().Format(time.RFC3339))
	}
	// An IPv4 client of a dual-stack listener looks like ::ffff:a.b.c.d, and a
	// link-local one has a zone; prefixes have neither.
	from = from.Unmap().WithZone("")
	inside := func(p netip.Prefix) bool { return p.Contains(from) }
	if k.Source != nil && !slices.ContainsFunc(k.Source, inside) {
		return refuse(RuleSource, "key %q may not be used from %s", k.ID, from)
	}
	return nil
}

func (k Key) expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// RefuseSessions is the no to a session beyond a key's MaxSessions.
func RefuseSessions(k Key) *Refusal {
	return refuse(RuleSessions, "key %q has %d sessions already, which is its limit: end one first", k.ID, k.MaxSessions)
}

// Ended returns the ids of old's keys whose sessions must end at that moment
// now that next is the ring: the key is gone, has expired, or has none of the
// secrets it had. A finished rotation ends nothing.
func Ended(old, next *Ring, now time.Time) []string {
	var ids []string
	for _, was := range old.keys {
		is, ok := next.Key(was.ID)
		if !ok || is.expired(now) || !was.sharesSecret(is) {
			ids = append(ids, was.ID)
		}
	}
	return ids
}

func (k Key) sharesSecret(other Key) bool {
	for _, mine := range []func(Key) bool{
		func(o Key) bool { return k.Secret.Equal(o.Secret) },
		func(o Key) bool { return k.Secret.Equal(o.NextSecret) },
		func(o Key) bool { return k.NextSecret.Equal(o.Secret) },
		func(o Key) bool { return !k.NextSecret.IsZero() && k.NextSecret.Equal(o.NextSecret) },
	} {
		if mine(other) {
			return true
		}
	}
	return false
}
