package hmacauth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Labels that go into a derivation or a MAC. Each is used in one place only,
// and those of the two directions differ: what one role proves never serves
// the other.
const (
	saltKeyring = "rexec/1 keyring"   // HKDF-Extract of a secret
	saltHost    = "rexec/1 host keys" // HKDF-Extract of a lab key's master

	infoClient = "rexec/1 auth client" // HKDF-Expand to K_c
	infoServer = "rexec/1 auth server" // HKDF-Expand to K_s

	labelTranscript0 = "rexec/1 transcript"
	labelTranscript1 = "rexec/1 transcript 2"
	labelClientProof = "rexec/1 client proof"
	labelServerProof = "rexec/1 server proof"
)

// keys are the two MAC keys of a secret: K_c and K_s.
type keys struct {
	client, server [sha256.Size]byte
}

func (k *keys) erase() { *k = keys{} }

// deriveKeys does PRK = HKDF-Extract(secret), then one HKDF-Expand a role
// (RFC 5869).
func deriveKeys(s Secret) (k keys) {
	prk := extract(s, saltKeyring)
	defer clear(prk)
	expand(k.client[:], prk, infoClient)
	expand(k.server[:], prk, infoServer)
	return k
}

// ForHost derives from a lab key's master the secret for one host. Who holds
// the result can neither find the master nor the secret of another host. None
// gives none.
func (s Secret) ForHost(serverID string) Secret {
	if s.IsZero() {
		return Secret{}
	}
	prk := extract(s, saltHost)
	defer clear(prk)
	var b [SecretSize]byte
	expand(b[:], prk, string(appendLP(nil, []byte(serverID))))
	return wrap(b)
}

// fakeSecret stands in for a key id that has no current or no next secret, so
// that the work is the same.
func fakeSecret(boot Secret, keyID string) Secret {
	m := hmac.New(sha256.New, boot.bytes()[:])
	m.Write([]byte(keyID))
	return wrap([SecretSize]byte(m.Sum(nil)))
}

func extract(s Secret, salt string) []byte {
	prk, err := hkdf.Extract(sha256.New, s.bytes()[:], []byte(salt))
	if err != nil {
		panic("hmacauth: HKDF-Extract: " + err.Error()) // SHA-256 and a 32-byte secret are never refused
	}
	return prk
}

func expand(out, prk []byte, info string) {
	b, err := hkdf.Expand(sha256.New, prk, info, len(out))
	if err != nil {
		panic("hmacauth: HKDF-Expand: " + err.Error()) // only for more than 255 blocks
	}
	copy(out, b)
	clear(b)
}

// appendLP appends u32be length, then x.
func appendLP(to, x []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(x))), x...)
}
