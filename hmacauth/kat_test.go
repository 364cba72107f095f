package hmacauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// The known answers, computed independently of this code.
const (
	katSecret       = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	katE            = "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0"
	katC            = "00c384e70d708d51c82a42cd5001be604d374ec67b410745a6d675a6b4070d2f"
	katPRK          = "ef5bb2cc3fc7cc1cd2999579574a206fa6684dc73fc638b9faa2ca4f369ebbeb"
	katKc           = "67a95076f39b51a92019460f1e233e20a771ed18fc6c9e6afcd9a76b32fb4aea"
	katKs           = "bdd2ccb40b74dc53d6248ebcee533bc5f77244e30468e603b20672f061cad34e"
	katM1           = "00000042010000005258433100010001111111111111111111111111111111111111111111111111111111111111111100000000000000000a6f70732d6c6170746f70066c61622d3037"
	katM2           = "0000003002000000525853310001000022222222222222222222222222222222222222222222222222222222222222220000000000000000"
	katTH0          = "378cdf4d73e4f33ab8e2e7637f5df526b0ba81fb509afb94436ec116faa9b1cc"
	katMacC         = "559ee4c05382778a85a45df07ef0146f2cb43a1d3496a3a12242699d447b9f7e"
	katM4WithoutMac = "0000003c04000000333333333333333333333333333333330001000000100000000f0003"
	katTH1          = "6ae25f92a3f332928d80d24b484df6482003cef95def50176fbe554c05ed1c20"
	katMacS         = "e53867cb7b67b381e7fec2def93d23bc5b0ffe859c6de31b86a903c07987e42a"

	katLabHost = "cde3d960094802101c233dae3cd5b0b9dc5c1843f133baf046ed1b77d38d7e54" // master katSecret, host lab-07
)

const (
	katKeyID    = "ops-laptop"
	katServerID = "lab-07"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func katBinding(t testing.TB) Binding {
	return Binding{Exporter: [32]byte(unhex(t, katE)), Cert: [32]byte(unhex(t, katC))}
}

func katSecretValue(t testing.TB) Secret {
	s, err := SecretFromBytes(unhex(t, katSecret))
	require.NoError(t, err)
	return s
}

func katCredentials(t testing.TB) Credentials {
	return Credentials{KeyID: katKeyID, ServerID: katServerID, Secret: katSecretValue(t)}
}

func katConfig(t testing.TB) ServerConfig {
	p := DefaultParams()
	p.ConnID = [16]byte(unhex(t, "33333333333333333333333333333333"))
	p.Window = 1 << 20
	return ServerConfig{
		ServerIDs: []string{"lab-01", katServerID},
		Lookup:    ring{katKeyID: {katSecretValue(t), Secret{}}}.lookup,
		Boot:      NewSecret(),
		Params:    p,
	}
}

// filled draws "random" bytes that are all b.
func filled(b byte) func([]byte) {
	return func(to []byte) {
		for i := range to {
			to[i] = b
		}
	}
}

func katPair(t testing.TB) (*Client, *Server) {
	c, err := newClient(katBinding(t), katCredentials(t), filled(0x11))
	require.NoError(t, err)
	return c, newServer(katBinding(t), katConfig(t), filled(0x22))
}

func TestHandshakeMatchesTheKnownAnswers(t *testing.T) {
	c, s := katPair(t)

	m1 := c.M1()
	require.Equal(t, katM1, hex.EncodeToString(m1))
	m2, err := s.M2(m1)
	require.NoError(t, err)
	require.Equal(t, katM2, hex.EncodeToString(m2))
	m3, err := c.M3(m2)
	require.NoError(t, err)
	require.Equal(t, "0000002003000000"+katMacC, hex.EncodeToString(m3))
	require.Equal(t, katTH0, hex.EncodeToString(c.th0[:]))
	peer, err := s.Verify(m3)
	require.NoError(t, err)
	require.Equal(t, Peer{KeyID: katKeyID, ServerID: katServerID}, peer)
	m4 := s.M4()
	require.Equal(t, katM4WithoutMac+katMacS, hex.EncodeToString(m4))
	th1 := transcript1(s.th0, m3, m4[:len(m4)-macSize])
	require.Equal(t, katTH1, hex.EncodeToString(th1[:]))

	params, err := c.Finish(m4)
	require.NoError(t, err)
	require.Equal(t, katConfig(t).Params, params)
	require.Equal(t, params, s.Params())
}

func TestKeysMatchTheKnownAnswers(t *testing.T) {
	s := katSecretValue(t)
	require.Equal(t, katPRK, hex.EncodeToString(extract(s, saltKeyring)))
	k := deriveKeys(s)
	require.Equal(t, katKc, hex.EncodeToString(k.client[:]))
	require.Equal(t, katKs, hex.EncodeToString(k.server[:]))
	require.Equal(t, katLabHost, hex.EncodeToString(s.ForHost("lab-07").bytes()[:]))
}

// The same answers once more from nothing but HMAC and SHA-256, following
// RFC 5869 and the layout by hand.
func TestKnownAnswersFollowFromPlainHMAC(t *testing.T) {
	mac := func(key, msg []byte) []byte {
		m := hmac.New(sha256.New, key)
		m.Write(msg)
		return m.Sum(nil)
	}
	lp := func(x []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(x))), x...)
	}
	cat := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	sum := func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }
	expandOne := func(prk, info []byte) []byte { return mac(prk, cat(info, []byte{1})) }

	prk := mac([]byte("rexec/1 keyring"), unhex(t, katSecret))
	require.Equal(t, katPRK, hex.EncodeToString(prk))
	kc := expandOne(prk, []byte("rexec/1 auth client"))
	require.Equal(t, katKc, hex.EncodeToString(kc))
	ks := expandOne(prk, []byte("rexec/1 auth server"))
	require.Equal(t, katKs, hex.EncodeToString(ks))

	th0 := sum(cat(lp([]byte("rexec/1 transcript")), lp(unhex(t, katE)), lp(unhex(t, katC)), lp(unhex(t, katM1)), lp(unhex(t, katM2))))
	require.Equal(t, katTH0, hex.EncodeToString(th0))
	macC := mac(kc, cat(lp([]byte("rexec/1 client proof")), th0))
	require.Equal(t, katMacC, hex.EncodeToString(macC))

	m3 := cat([]byte{0, 0, 0, 32, 3, 0, 0, 0}, macC)
	th1 := sum(cat(lp([]byte("rexec/1 transcript 2")), lp(th0), lp(m3), lp(unhex(t, katM4WithoutMac))))
	require.Equal(t, katTH1, hex.EncodeToString(th1))
	require.Equal(t, katMacS, hex.EncodeToString(mac(ks, cat(lp([]byte("rexec/1 server proof")), th1))))

	host := expandOne(mac([]byte("rexec/1 host keys"), unhex(t, katSecret)), lp([]byte("lab-07")))
	require.Equal(t, katLabHost, hex.EncodeToString(host))
}
