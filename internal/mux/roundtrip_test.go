package mux

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLeastRoundTripIsFoundAnewWhenItIsOld(t *testing.T) {
	const ms = time.Millisecond
	var r roundTrip
	r.saw(0, 0)
	assert.Zero(t, r.least)
	r.saw(20*ms, 0)
	r.saw(60*ms, time.Second)
	assert.Equal(t, 20*ms, r.least)
	assert.False(t, r.tried(oldTrip-1))
	r.saw(24*ms, oldTrip-1)
	assert.False(t, r.tried(2*oldTrip-2), "it was as good as seen again")
	assert.True(t, r.tried(2*oldTrip-1))
	r.saw(200*ms, 2*oldTrip)
	assert.Equal(t, 20*ms, r.least)
	assert.True(t, r.tried(2*oldTrip))
	r.saw(60*ms, 2*oldTrip+ms)
	assert.Equal(t, 60*ms, r.least)
	assert.False(t, r.tried(2*oldTrip+ms))
	r.saw(30*ms, 3*oldTrip)
	assert.Equal(t, 30*ms, r.least)
}

// TestAPathThatBecameLongerIsUsedAgain: the round trip that was measured first is never seen again. The path is a long one,
// so that little has to be carried before it is filled.
func TestAPathThatBecameLongerIsUsedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const rate = 5 << 20
		c, d, cs, ds := openBeside(t, 200*time.Millisecond, 600*time.Millisecond, rate, true)
		go pour(ds, 2, 100*rate)
		began := time.Now()
		var early, late int
		for late == 0 || time.Since(began) < oldTrip+20*time.Second {
			p, err := cs.Next(t.Context(), 2)
			require.NoError(t, err)
			cs.Advance(2, len(p))
			switch now := time.Since(began); {
			case now < 10*time.Second:
				early += len(p)
			case now > oldTrip+10*time.Second:
				late += len(p)
			}
		}
		assert.Less(t, early, 10*rate/4, "too little is on its way")
		assert.Greater(t, late, 10*rate*8/10, "all of the path is used")
		closeBoth(t, c, d)
	})
}
