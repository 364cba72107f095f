package hmacauth

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// katFrames is a whole good conversation, M1 to M4 at 1 to 4.
func katFrames(t testing.TB) (m [5][]byte) {
	c, s := katPair(t)
	o := converse(c, s, func(n int, whole []byte) []byte { m[n] = bytes.Clone(whole); return whole })
	require.True(t, o.proved)
	return m
}

func seedFrames(f *testing.F) {
	for _, m := range katFrames(f) {
		f.Add(m)
	}
	f.Add(RefusedFrame(RefusalBusy))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
}

// An M1 that is answered is one this package could have written, and its
// answer is one that a client reads.
func FuzzServerReadsM1(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		_, s := katPair(t)
		m2, err := s.M2(in)
		if err != nil {
			require.True(t, errors.Is(err, ErrProtocol) || errors.Is(err, ErrVersion))
			require.Nil(t, m2)
			return
		}
		require.Equal(t, in, s.hello.encode())
		_, err = parseM2(m2)
		require.NoError(t, err)
	})
}

// Of all frames only the client's own M3 is admitted.
func FuzzServerReadsM3(f *testing.F) {
	seedFrames(f)
	good := katFrames(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		_, s := katPair(t)
		_, err := s.M2(good[1])
		require.NoError(t, err)
		peer, err := s.Verify(in)
		if bytes.Equal(in, good[3]) {
			require.NoError(t, err)
			return
		}
		require.True(t, errors.Is(err, ErrProtocol) || errors.Is(err, ErrBadProof))
		require.Zero(t, peer)
		require.Nil(t, s.M4())
	})
}

// An M2 that is answered is one this package could have written.
func FuzzClientReadsM2(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		c, _ := katPair(t)
		c.M1()
		m3, err := c.M3(in)
		if err != nil {
			require.Nil(t, m3)
			return
		}
		m, err := parseM2(in)
		require.NoError(t, err)
		require.Equal(t, in, m.encode())
		require.NotEqual(t, c.nonce, m.nonce)
		require.Zero(t, m.features)
	})
}

// Of all frames only the server's own M4 is believed.
func FuzzClientReadsM4(f *testing.F) {
	seedFrames(f)
	good := katFrames(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		c, _ := katPair(t)
		c.M1()
		_, err := c.M3(good[2])
		require.NoError(t, err)
		p, err := c.Finish(in)
		require.Equal(t, bytes.Equal(in, good[4]), err == nil)
		if err != nil {
			require.Zero(t, p)
		}
	})
}

// What parses is valid and, written again, parses to the same.
func FuzzParseToken(f *testing.F) {
	f.Add(fullToken(f).Encode())
	f.Add(Token{Kind: TokenLab, KeyID: "lab", Secret: katSecretValue(f)}.Encode())
	f.Add(sealedMap(f, fields(f, map[any]any{64: "later"})))
	f.Add("rxt2_AAAA")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := ParseToken(text)
		if err != nil {
			require.Regexp(t, `^the token [ -~]+$`, err.Error())
			require.True(t, tok.Secret.IsZero())
			return
		}
		require.NoError(t, tok.Validate())
		again, err := ParseToken(tok.Encode())
		require.NoError(t, err)
		requireSameToken(t, tok, again)
	})
}

// The same from behind the checksum, where a fuzzer does not get by itself.
func FuzzParseTokenMap(f *testing.F) {
	f.Add(append([]byte{0xa4}, mapBody(f, fields(f, nil))...))
	f.Add(append([]byte{0xa6}, mapBody(f, fields(f, map[any]any{5: make([]byte, 32), 6: "h:7522"}))...))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := parseTokenMap(b)
		if err != nil {
			return
		}
		again, err := ParseToken(tok.Encode())
		require.NoError(t, err)
		requireSameToken(t, tok, again)
	})
}
