package hmacauth

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// counted has a server write down each piece of work of Verify.
func counted(s *Server) *[]string {
	var did []string
	w := s.work
	s.work = work{
		fake: func(boot Secret, id string) Secret { did = append(did, "fake"); return w.fake(boot, id) },
		derive: func(x Secret) keys {
			did = append(did, fmt.Sprintf("derive from none: %v", x.IsZero()))
			return w.derive(x)
		},
		proof: func(k *[sha256.Size]byte, label string, th [sha256.Size]byte) [sha256.Size]byte {
			did = append(did, "proof "+label)
			return w.proof(k, label, th)
		},
		equal: func(a, b []byte) bool {
			did = append(did, fmt.Sprintf("compare %d with %d", len(a), len(b)))
			return w.equal(a, b)
		},
	}
	return &did
}

// What the wire carries and what is computed does not tell a wrong key from an
// unknown id, a key with one secret from one with two, or a wrong server id.
func TestSem44_RefusalsAreTheSameBytesAndTheSameWork(t *testing.T) {
	right, other := NewSecret(), NewSecret()
	keys := ring{"one": {right, {}}, "two": {right, other}, "new": {{}, other}}
	one := []string{"derive from none: false", "proof rexec/1 client proof", "compare 32 with 32"}
	allWork := slices.Concat([]string{"fake"}, one, one, one)
	lookups := 0

	for _, tc := range []struct {
		name string
		cred Credentials
		want error // nil: admitted
	}{
		{"wrong key", Credentials{KeyID: "one", ServerID: "lab-07", Secret: NewSecret()}, ErrBadProof},
		{"wrong key of two", Credentials{KeyID: "two", ServerID: "lab-07", Secret: NewSecret()}, ErrBadProof},
		{"wrong key, next only", Credentials{KeyID: "new", ServerID: "lab-07", Secret: NewSecret()}, ErrBadProof},
		{"unknown id", Credentials{KeyID: "nix", ServerID: "lab-07", Secret: right}, ErrBadProof},
		{"unknown id, wrong server", Credentials{KeyID: "nix", ServerID: "lab-08", Secret: right}, ErrBadProof},
		{"wrong server id", Credentials{KeyID: "one", ServerID: "lab-08", Secret: right}, ErrWrongServer},
		{"wrong server id, next", Credentials{KeyID: "two", ServerID: "lab-08", Secret: other}, ErrWrongServer},
		{"admitted", Credentials{KeyID: "one", ServerID: "lab-07", Secret: right}, nil},
		{"admitted by next", Credentials{KeyID: "two", ServerID: "lab-07", Secret: other}, nil},
	} {
		rounds := 100
		if slices.Contains([]string{"wrong key", "unknown id", "wrong server id"}, tc.name) {
			rounds = 2000 // the rule's three, at the rule's number
		}
		for range rounds {
			s := NewServer(katBinding(t), ServerConfig{
				ServerIDs: []string{"lab-07"},
				Lookup:    func(id string) (current, next Secret) { lookups++; return keys.lookup(id) },
			})
			did, before := counted(s), lookups
			c := mustClient(t, katBinding(t), tc.cred)
			m2, err := s.M2(c.M1())
			require.NoError(t, err, tc.name)
			require.Empty(t, *did, "the work is done at M3")
			require.Equal(t, []any{56, uint8(2)}, []any{len(m2), m2[4]}, tc.name)
			m3, err := c.M3(m2)
			require.NoError(t, err, tc.name)

			_, err = s.Verify(m3)
			require.ErrorIs(t, err, tc.want, tc.name)
			require.Equal(t, allWork, *did, tc.name)
			require.Equal(t, before+1, lookups, tc.name)
			if tc.want == nil {
				continue
			}
			code, ok := RefusalOf(err)
			require.True(t, ok)
			require.Equal(t, []byte{0, 0, 0, 2, 5, 0, 0, 0, 0, 1}, RefusedFrame(code), tc.name)
			require.Nil(t, s.M4(), tc.name)
			_, err = c.Finish(RefusedFrame(code))
			require.Equal(t, RefusalNotAdmitted, refusedCode(t, err), tc.name)
		}
	}
}

func refusedCode(t *testing.T, err error) Refusal {
	t.Helper()
	var r *RefusedError
	require.ErrorAs(t, err, &r)
	return r.Code
}

// A proof under the stand-in for a missing secret, or under 32 zero bytes,
// admits nobody, even if the stand-in were known.
func TestSem44_TheFakeSecretAdmitsNobody(t *testing.T) {
	boot := NewSecret()
	for name, secret := range map[string]Secret{
		"fake": fakeSecret(boot, "nix"),
		"zero": wrap([SecretSize]byte{}),
	} {
		for id, pair := range map[string][2]Secret{"nix": {}, "has": {NewSecret(), {}}} {
			if name == "fake" {
				secret = fakeSecret(boot, id)
			}
			cfg := katConfig(t)
			cfg.Boot, cfg.Lookup = boot, ring{id: pair}.lookup
			c := mustClient(t, katBinding(t), Credentials{KeyID: id, ServerID: katServerID, Secret: secret})
			o := converse(c, NewServer(katBinding(t), cfg), nil)
			require.ErrorIs(t, o.serverErr, ErrBadProof, "%s secret, key %s", name, id)
		}
	}
}

func otherBinding(t *testing.T) Binding {
	b := katBinding(t)
	b.Exporter[0]++
	return b
}

func TestSem45_AManInTheMiddleIsRefused(t *testing.T) {
	// The middle has a TLS connection to each side and passes all frames on.
	// On first contact the client also sees another leaf; with the same leaf,
	// the exporters still differ.
	foreign := otherBinding(t)
	foreign.Cert[0]++
	for _, b := range []Binding{otherBinding(t), foreign} {
		o := converse(mustClient(t, b, katCredentials(t)), NewServer(katBinding(t), katConfig(t)), nil)
		require.ErrorIs(t, o.serverErr, ErrBadProof)
		require.Nil(t, o.m4)
		require.Equal(t, RefusalNotAdmitted, refusedCode(t, o.clientErr))
	}
}

func TestSem45_AServerWithoutTheKeyIsNotBelieved(t *testing.T) {
	c := mustClient(t, katBinding(t), katCredentials(t))
	cfg := katConfig(t)
	cfg.Lookup = ring{katKeyID: {NewSecret(), {}}}.lookup
	s := NewServer(katBinding(t), cfg)
	m2, err := s.M2(c.M1())
	require.NoError(t, err)
	m3, err := c.M3(m2)
	require.NoError(t, err)
	// It skips the check and proves with what it has.
	_, _ = s.Verify(m3)
	f := encodeM4(s.Params())
	k := deriveKeys(NewSecret())
	mac := proof(&k.server, labelServerProof, transcript1(s.th0, m3, f))
	_, err = c.Finish(append(f, mac[:]...))
	require.ErrorIs(t, err, ErrBadProof)
	require.ErrorContains(t, err, `did not prove that it is "lab-07" and holds key "ops-laptop"`)
}

func TestSem45_AReroutedCommandIsRefused(t *testing.T) {
	// Both daemons hold the key, and the tap has made their channels look the
	// same; only the name differs.
	cfg := katConfig(t)
	cfg.ServerIDs = []string{"lab-08"}
	o := converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), cfg), nil)
	require.ErrorIs(t, o.serverErr, ErrWrongServer)
	require.NotErrorIs(t, o.serverErr, ErrBadProof, "no penalty for the holder of a good key")
	require.Nil(t, o.m4)

	// Changing the name on the way does not help.
	o = converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), cfg), func(n int, whole []byte) []byte {
		if n == 1 {
			copy(whole[len(whole)-len("lab-08"):], "lab-08")
		}
		return whole
	})
	require.ErrorIs(t, o.serverErr, ErrBadProof)
}

func TestSem45_AReplayIsRefused(t *testing.T) {
	var old [5][]byte
	o := converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), katConfig(t)),
		func(n int, whole []byte) []byte { old[n] = whole; return whole })
	require.True(t, o.proved)

	// To the server: all that the client said, on the very same channel.
	s := NewServer(katBinding(t), katConfig(t))
	_, err := s.M2(old[1])
	require.NoError(t, err)
	_, err = s.Verify(old[3])
	require.ErrorIs(t, err, ErrBadProof)

	// Against another connection of the same client.
	o = converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), katConfig(t)),
		func(n int, whole []byte) []byte {
			if n == 3 {
				return old[3]
			}
			return whole
		})
	require.ErrorIs(t, o.serverErr, ErrBadProof)

	// To the client: all that the server said.
	c := mustClient(t, katBinding(t), katCredentials(t))
	c.M1()
	_, err = c.M3(old[2])
	require.NoError(t, err)
	_, err = c.Finish(old[4])
	require.ErrorIs(t, err, ErrBadProof)
}

// A daemon that is led to talk to itself, or a client to itself, hears its own
// frames. Each is refused by its type; and with the type changed, by magic and
// by the direction's own key and label.
func TestSem45_ReflectedFramesAreRefused(t *testing.T) {
	retyped := func(whole []byte, typ byte) []byte {
		whole = slices.Clone(whole)
		whole[4] = typ
		return whole
	}
	c, s := katPair(t)
	m1 := c.M1()
	m2, err := s.M2(m1)
	require.NoError(t, err)
	for _, f := range [][]byte{m2, retyped(m2, 1)} {
		_, err = NewServer(katBinding(t), katConfig(t)).M2(f)
		require.ErrorIs(t, err, ErrProtocol)
	}
	for _, f := range [][]byte{m1, retyped(m1, 2)} {
		again := mustClient(t, katBinding(t), katCredentials(t))
		again.M1()
		_, err = again.M3(f)
		require.ErrorIs(t, err, ErrProtocol)
	}

	own, server := katPair(t)
	m2, err = server.M2(own.M1())
	require.NoError(t, err)
	copy(m2[16:48], own.nonce[:])
	_, err = own.M3(m2)
	require.ErrorIs(t, err, ErrProtocol)
	require.ErrorContains(t, err, "client's own")
}

func TestSem45_SwappedRolesAreRefused(t *testing.T) {
	k := deriveKeys(katSecretValue(t))

	// The server's key and label do not make a client's proof...
	for _, forge := range []func(th [32]byte) [32]byte{
		func(th [32]byte) [32]byte { return proof(&k.server, labelServerProof, th) },
		func(th [32]byte) [32]byte { return proof(&k.server, labelClientProof, th) },
		func(th [32]byte) [32]byte { return proof(&k.client, labelServerProof, th) },
	} {
		c, s := katPair(t)
		_, err := s.M2(c.M1())
		require.NoError(t, err)
		_, err = s.Verify(encodeM3(forge(s.th0)))
		require.ErrorIs(t, err, ErrBadProof)
	}
	// ...nor the client's a server's, be it over M4 or its own M3 sent back.
	for _, forge := range []func(c *Client, th1 [32]byte) [32]byte{
		func(_ *Client, th1 [32]byte) [32]byte { return proof(&k.client, labelClientProof, th1) },
		func(_ *Client, th1 [32]byte) [32]byte { return proof(&k.client, labelServerProof, th1) },
		func(_ *Client, th1 [32]byte) [32]byte { return proof(&k.server, labelClientProof, th1) },
		func(c *Client, _ [32]byte) [32]byte { return [32]byte(c.m3[8:]) },
	} {
		c, s := katPair(t)
		m2, err := s.M2(c.M1())
		require.NoError(t, err)
		m3, err := c.M3(m2)
		require.NoError(t, err)
		f := encodeM4(DefaultParams())
		mac := forge(c, transcript1(c.th0, m3, f))
		_, err = c.Finish(append(f, mac[:]...))
		require.ErrorIs(t, err, ErrBadProof)
	}
}
