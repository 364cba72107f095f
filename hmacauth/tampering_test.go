package hmacauth

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func flip(b []byte, bit int) { b[bit/8] ^= 1 << (bit % 8) }

// tamperFrame flips every bit of the nth frame on its way, one at a time.
func tamperFrame(t *testing.T, n int, check func(bit int, o outcome)) {
	for bit, bits := 0, 1; bit < bits; bit++ {
		c, s := katPair(t)
		seen := false
		o := converse(c, s, func(i int, whole []byte) []byte {
			if i != n {
				return whole
			}
			whole, seen = slices.Clone(whole), true
			bits = 8 * len(whole)
			flip(whole, bit)
			return whole
		})
		require.True(t, seen)
		require.False(t, o.proved, "M%d bit %d: the client believes the server", n, bit)
		check(bit, o)
	}
}

// nobodyAdmitted: the server let nobody in and proved nothing.
func nobodyAdmitted(t *testing.T, n int) func(int, outcome) {
	return func(bit int, o outcome) {
		require.False(t, o.admitted, "M%d bit %d: admitted", n, bit)
		require.Nil(t, o.m4, "M%d bit %d: M4 given out", n, bit)
		require.True(t, o.clientErr != nil || o.serverErr != nil, "M%d bit %d: nobody noticed", n, bit)
	}
}

func TestTamperingWithM1IsRefused(t *testing.T) { tamperFrame(t, 1, nobodyAdmitted(t, 1)) }
func TestTamperingWithM2IsRefused(t *testing.T) { tamperFrame(t, 2, nobodyAdmitted(t, 2)) }

func TestTamperingWithM3IsRefused(t *testing.T) {
	tamperFrame(t, 3, func(bit int, o outcome) {
		nobodyAdmitted(t, 3)(bit, o)
		want := ErrProtocol
		if bit >= 8*8 {
			want = ErrBadProof
		}
		require.ErrorIs(t, o.serverErr, want, "bit %d", bit)
	})
}

func TestTamperingWithM4IsRefused(t *testing.T) {
	tamperFrame(t, 4, func(bit int, o outcome) {
		require.True(t, o.admitted)
		require.Error(t, o.clientErr, "bit %d", bit)
		require.Zero(t, o.params, "bit %d", bit)
	})
}

func TestTamperingWithTheChannelIsRefused(t *testing.T) {
	for _, field := range []string{"E", "C"} {
		for _, side := range []string{"client", "server"} {
			for bit := range 256 {
				cb, sb := katBinding(t), katBinding(t)
				b := &cb
				if side == "server" {
					b = &sb
				}
				if field == "E" {
					flip(b.Exporter[:], bit)
				} else {
					flip(b.Cert[:], bit)
				}
				o := converse(mustClient(t, cb, katCredentials(t)), NewServer(sb, katConfig(t)), nil)
				require.ErrorIs(t, o.serverErr, ErrBadProof, "%s bit %d at the %s", field, bit, side)
				require.False(t, o.proved)
			}
		}
	}
}

// mac_s covers the channel and M1 to M3 on its own, not only through mac_c: a
// server whose transcript differs in one bit is not believed even after a good
// M3.
func TestTamperingWithTheChannelAfterM3IsRefused(t *testing.T) {
	for bit := range 256 {
		c, s := katPair(t)
		m2, err := s.M2(c.M1())
		require.NoError(t, err)
		m3, err := c.M3(m2)
		require.NoError(t, err)
		_, err = s.Verify(m3)
		require.NoError(t, err)
		flip(s.th0[:], bit)
		_, err = c.Finish(s.M4())
		require.ErrorIs(t, err, ErrBadProof, "bit %d", bit)
	}
}

func TestAddedOrMissingBytesAreRefused(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, change := range []func([]byte) []byte{
			func(b []byte) []byte { return nil },
			func(b []byte) []byte { return b[:7] },
			func(b []byte) []byte { return b[:8] },
			func(b []byte) []byte { return b[:len(b)-1] },
			func(b []byte) []byte { return append(b, 0) },
			// The same with a header that agrees.
			func(b []byte) []byte { b = b[:len(b)-1]; b[3]--; return b },
			func(b []byte) []byte { b = append(b, 0); b[3]++; return b },
			func(b []byte) []byte { b = b[:8]; b[3] = 0; return b },
		} {
			c, s := katPair(t)
			o := converse(c, s, func(i int, whole []byte) []byte {
				if i != n {
					return whole
				}
				return change(slices.Clone(whole))
			})
			require.False(t, o.proved)
			require.Equal(t, n == 4, o.admitted)
			err := o.serverErr
			if n%2 == 0 {
				err = o.clientErr
			}
			require.ErrorIs(t, err, ErrProtocol, "M%d", n)
		}
	}
}
