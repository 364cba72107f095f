package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddRefusesWhatParseWould(t *testing.T) {
	r := ringOf(t)
	for want, k := range map[string]Key{
		`key "k": "id" "k" is in the ring twice`:                                      {ID: "k", Secret: secret(t, 1)},
		`key "b": "secret" is also a secret of key "k": every key needs its own`:      {ID: "b", Secret: secret(t, 0)},
		`key "b": "next_secret" is also a secret of key "k": every key needs its own`: {ID: "b", Secret: secret(t, 1), NextSecret: secret(t, 0)},
		`key "b": "secret" is missing`:                                                {ID: "b"},
		`key "b": "users" is empty, which could mean nothing or everything: fill it or leave the line out`: {
			ID: "b", Secret: secret(t, 1), Users: []string{},
		},
	} {
		require.EqualError(t, r.Add(k), want)
		require.Len(t, r.Keys(), 1, "a refused edit changes nothing")
	}
	require.NoError(t, r.Add(Key{ID: "b", Secret: secret(t, 1)}))
	require.Len(t, r.Keys(), 2)
}

func TestRemoveTakesOneKeyOut(t *testing.T) {
	r := ringOf(t)
	require.NoError(t, r.Add(Key{ID: "b", Secret: secret(t, 1)}))
	before := r.Keys()
	require.NoError(t, r.Remove("k"))
	require.Len(t, r.Keys(), 1)
	assert.Equal(t, "b", r.Keys()[0].ID)
	assert.Equal(t, "k", before[0].ID, "who asked before keeps what they got")
	err := r.Remove("k")
	require.ErrorIs(t, err, ErrNoKey)
	require.EqualError(t, err, `key "k" is not in the ring: rexecd key ls shows who is`)
	require.NoError(t, r.Remove("b"), "the last one too")
	_, err = Parse(r.Encode())
	require.NoError(t, err)
}

func TestRotationLocksNobodyOut(t *testing.T) {
	r := ringOf(t)
	old := secret(t, 0)
	next, err := r.Rotate("k")
	require.NoError(t, err)

	current, also := r.Lookup("k")
	assert.True(t, current.Equal(old), "the old secret is good until the end")
	assert.True(t, also.Equal(next))
	_, err = r.Rotate("k")
	require.ErrorContains(t, err, `key "k" is being rotated already: finish with rexecd key rotate --finish`)
	_, also = r.Lookup("k")
	assert.True(t, also.Equal(next), "a second rotation does not take the new secret away")

	require.NoError(t, r.FinishRotation("k"))
	current, also = r.Lookup("k")
	assert.True(t, current.Equal(next))
	assert.True(t, also.IsZero())
}

func TestRotationCanBeCanceled(t *testing.T) {
	r := ringOf(t)
	_, err := r.Rotate("k")
	require.NoError(t, err)
	require.NoError(t, r.CancelRotation("k"))
	current, also := r.Lookup("k")
	assert.True(t, current.Equal(secret(t, 0)))
	assert.True(t, also.IsZero())
}

func TestRotationStepsInTheWrongOrderAreRefused(t *testing.T) {
	r := ringOf(t)
	require.ErrorContains(t, r.FinishRotation("k"), `key "k" is not being rotated`)
	require.ErrorContains(t, r.CancelRotation("k"), `key "k" is not being rotated`)
	_, err := r.Rotate("x")
	require.ErrorIs(t, err, ErrNoKey)
	require.ErrorIs(t, r.FinishRotation("x"), ErrNoKey)
	require.ErrorIs(t, r.CancelRotation("x"), ErrNoKey)
}

func TestSem49_RingStopsGrowingWhereItCouldNotBeRead(t *testing.T) {
	r := ringOf(t)
	big := Key{ID: "big", Secret: secret(t, 1)}
	for range maxList {
		big.Env = append(big.Env, strings.Repeat("X", maxText))
	}
	require.ErrorContains(t, r.Add(big), "more than 1048576: remove keys first")
	require.Len(t, r.Keys(), 1)
}
