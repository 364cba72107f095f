package hmacauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Binding ties a handshake to one TLS connection. Both sides compute it from
// their own end; a man in the middle has a different one on each side.
type Binding struct {
	// Exporter is the TLS exporter "EXPORTER-Channel-Binding", no context, 32
	// bytes (RFC 9266).
	Exporter [32]byte
	// Cert is the SHA-256 of the server's leaf certificate, DER.
	Cert [32]byte
}

// validate catches a caller who forgot to fill it in: without a binding there
// is no handshake.
func (b Binding) validate() error {
	if b.Exporter == [32]byte{} || b.Cert == [32]byte{} {
		return errors.New("the TLS channel binding is missing")
	}
	return nil
}

// transcript0 is TH0, what mac_c covers: the channel and both first frames.
func transcript0(b Binding, m1, m2 []byte) [sha256.Size]byte {
	return hashLP([]byte(labelTranscript0), b.Exporter[:], b.Cert[:], m1, m2)
}

// transcript1 is TH1, what mac_s covers: all before it, and M4 up to the MAC.
func transcript1(th0 [sha256.Size]byte, m3, m4WithoutMAC []byte) [sha256.Size]byte {
	return hashLP([]byte(labelTranscript1), th0[:], m3, m4WithoutMAC)
}

// hashLP is SHA-256 over lp(each part).
func hashLP(parts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// proof is M(key, lp(label) || th).
func proof(key *[sha256.Size]byte, label string, th [sha256.Size]byte) (mac [sha256.Size]byte) {
	m := hmac.New(sha256.New, key[:])
	m.Write(appendLP(nil, []byte(label)))
	m.Write(th[:])
	m.Sum(mac[:0])
	return mac
}
