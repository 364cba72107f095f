package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
)

// now is the moment the tests happen at.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// secretText is the text of a fixed secret, one for each n.
func secretText(n byte) string {
	s, err := hmacauth.SecretFromBytes([]byte(strings.Repeat(string(rune('A'+n)), hmacauth.SecretSize)))
	if err != nil {
		panic(err)
	}
	return s.Reveal()
}

func secret(t testing.TB, n byte) hmacauth.Secret {
	t.Helper()
	s, err := hmacauth.ParseSecret(secretText(n))
	require.NoError(t, err)
	return s
}

// ringOf reads a ring of one key "k" with the given lines.
func ringOf(t testing.TB, lines ...string) *Ring {
	t.Helper()
	r, err := Parse([]byte(keyText("k", 0, lines...)))
	require.NoError(t, err)
	return r
}

func keyText(id string, n byte, lines ...string) string {
	return "[[key]]\nid = '" + id + "'\n" + strings.Join(append(lines, ""), "\n") + "secret = '" + secretText(n) + "'\n"
}

var anywhere = netip.MustParseAddr("192.0.2.7")

func TestLookupGivesTheSecretsThatProveTheKey(t *testing.T) {
	r, err := Parse([]byte(keyText("one", 1) + keyText("two", 2, "next_secret = '"+secretText(3)+"'", "expires = 1999-01-01T00:00:00Z")))
	require.NoError(t, err)

	current, next := r.Lookup("one")
	assert.True(t, current.Equal(secret(t, 1)))
	assert.True(t, next.IsZero())
	current, next = r.Lookup("two")
	assert.True(t, current.Equal(secret(t, 2)), "an expired key is proved all the same")
	assert.True(t, next.Equal(secret(t, 3)))
	for _, id := range []string{"three", "", "ONE"} {
		current, next = r.Lookup(id)
		assert.True(t, current.IsZero() && next.IsZero(), id)
	}
}

func TestKeysCannotBeChangedFromOutside(t *testing.T) {
	r := ringOf(t)
	keys := r.Keys()
	require.Len(t, keys, 1)
	keys[0].ID = "other"
	_, ok := r.Key("k")
	assert.True(t, ok)
}

func TestEmptyRingAdmitsNobody(t *testing.T) {
	var r Ring
	assert.Empty(t, r.Keys())
	current, next := r.Lookup("k")
	assert.True(t, current.IsZero() && next.IsZero())
	require.NotNil(t, r.Admit("k", anywhere, now))
	_, no := r.Authorize("k", Request{Kind: KindExec, Shell: true}, now)
	require.NotNil(t, no)
	assert.Equal(t, RuleKey, no.Rule)
}

func TestLabMasterIsRefusedByTheDaemon(t *testing.T) {
	_, err := FromToken(hmacauth.Token{Kind: hmacauth.TokenLab, KeyID: "lab", Secret: secret(t, 1)})
	require.ErrorContains(t, err, "a daemon never holds it")
	assert.NotContains(t, err.Error(), secretText(1))

	k, err := FromToken(hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: "admin", Secret: secret(t, 1), ServerID: "h"})
	require.NoError(t, err)
	assert.Equal(t, "admin", k.ID)
	assert.True(t, k.Secret.Equal(secret(t, 1)))
	_, err = FromToken(hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: "admin"})
	require.EqualError(t, err, `"secret" is missing`)
}
