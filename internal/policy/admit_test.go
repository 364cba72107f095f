package policy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeyIsGoodFromNotBeforeUntilExpires(t *testing.T) {
	r := ringOf(t, "not_before = 2026-01-01T00:00:00Z", "expires = 2027-01-01T00:00:00Z")
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

	assert.Nil(t, r.Admit("k", anywhere, from))
	assert.Nil(t, r.Admit("k", anywhere, until.Add(-1)))
	assert.Equal(t, &Refusal{RuleDates, `key "k" is not good before 2026-01-01T00:00:00Z`}, r.Admit("k", anywhere, from.Add(-1)))
	assert.Equal(t, &Refusal{RuleDates, `key "k" expired at 2027-01-01T00:00:00Z: ask for a new one`}, r.Admit("k", anywhere, until))

	g, no := r.Authorize("k", Request{Kind: KindExec, Shell: true}, now)
	require.Nil(t, no)
	assert.True(t, g.Until.Equal(until), "the session is to end with the key")
}

func TestSem48_SourceLimitsWhereClientsComeFrom(t *testing.T) {
	r := ringOf(t, `source = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "fe80::1"]`)
	for addr, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.255": true, "192.0.3.0": false, "198.51.100.7": true, "198.51.100.8": false,
		"::ffff:192.0.2.1": true, "::ffff:192.0.3.1": false, "2001:db8:ffff::1": true, "2001:db9::1": false,
		"fe80::1%eth0": true, "fe80::2%eth0": false, "::1": false,
	} {
		no := r.Admit("k", netip.MustParseAddr(addr), now)
		assert.Equal(t, want, no == nil, addr)
	}
	no := r.Admit("k", netip.MustParseAddr("203.0.113.9"), now)
	assert.Equal(t, &Refusal{RuleSource, `key "k" may not be used from 203.0.113.9`}, no)
	require.NotNil(t, r.Admit("k", netip.Addr{}, now), "an unknown address is inside nothing")
	assert.Nil(t, ringOf(t).Admit("k", netip.Addr{}, now), "without the limit nobody asks")
}

func TestSem48_AuthorizeAsksAdmitAgain(t *testing.T) {
	r := ringOf(t, `source = ["192.0.2.0/24"]`, "expires = 2027-01-01T00:00:00Z")
	for _, kind := range []Kind{KindExec, KindTCP, KindListen, KindSFTP} {
		_, no := r.Authorize("k", Request{Kind: kind, From: netip.MustParseAddr("198.51.100.1")}, now)
		require.NotNil(t, no, kind)
		assert.Equal(t, RuleSource, no.Rule)
		_, no = r.Authorize("k", Request{Kind: kind, From: anywhere}, now.AddDate(1, 0, 0))
		require.NotNil(t, no, kind)
		assert.Equal(t, RuleDates, no.Rule)
		_, no = r.Authorize("other", Request{Kind: kind, From: anywhere}, now)
		require.NotNil(t, no, kind)
		assert.Equal(t, RuleKey, no.Rule)
		_, no = r.Authorize("k", Request{Kind: kind, From: anywhere}, now)
		assert.Nil(t, no, kind)
	}
}

func TestSem52_KeyIdInARefusalIsEscaped(t *testing.T) {
	no := new(Ring).Admit("a\x1b\n\u202e", anywhere, now)
	assert.Equal(t, `key "a\x1b\n\u202e" is not in the ring any more: ask for a new one`, no.Error())
}

func TestSem50_SessionsEndWithTheirKey(t *testing.T) {
	old := &Ring{}
	for i, id := range []string{"stays", "removed", "expires", "changed", "rotates", "replaced"} {
		require.NoError(t, old.Add(Key{ID: id, Secret: secret(t, byte(i))}))
	}
	next := &Ring{}
	require.NoError(t, next.Add(Key{ID: "stays", Secret: secret(t, 0)}))
	require.NoError(t, next.Add(Key{ID: "expires", Secret: secret(t, 2), Expires: now}))
	require.NoError(t, next.Add(Key{ID: "changed", Secret: secret(t, 3), NoTerminal: true}))
	require.NoError(t, next.Add(Key{ID: "rotates", Secret: secret(t, 4), NextSecret: secret(t, 14)}))
	require.NoError(t, next.Add(Key{ID: "replaced", Secret: secret(t, 15)}))
	assert.Equal(t, []string{"removed", "expires", "replaced"}, Ended(old, next, now))

	assert.Equal(t, []string{"removed", "replaced"}, Ended(old, next, now.Add(-1)), "not before its time")

	finished := &Ring{keys: next.Keys()}
	require.NoError(t, finished.FinishRotation("rotates"))
	assert.Equal(t, []string{"expires"}, Ended(next, finished, now), "a finished rotation ends nothing")
	assert.Equal(t, []string{"stays"}, Ended(&Ring{keys: next.keys[:1]}, &Ring{}, now))
}

func TestSessionLimitIsSaidAsANumber(t *testing.T) {
	no := RefuseSessions(Key{ID: "k", MaxSessions: 3})
	assert.Equal(t, &Refusal{RuleSessions, `key "k" has 3 sessions already, which is its limit: end one first`}, no)
}
