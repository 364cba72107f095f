package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Identity is the daemon's TLS key with its certificate, made once and kept: clients pin the certificate.
type Identity struct {
	cert tls.Certificate
	pin  [32]byte
}

// Pin is SHA-256 of the certificate.
func (id *Identity) Pin() [32]byte { return id.pin }

// NewIdentity makes a key (P-256) and its certificate, as PEM. Nobody reads the certificate's names or dates.
func NewIdentity(name string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "rexecd " + name},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 section 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}

// ParseIdentity reads what NewIdentity made.
func ParseIdentity(data []byte) (*Identity, error) {
	cert, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, errors.New("not a host key: it must hold a PRIVATE KEY and its CERTIFICATE as PEM")
	}
	if len(cert.Certificate) != 1 {
		return nil, fmt.Errorf("a host key has one certificate, this one %d", len(cert.Certificate))
	}
	return &Identity{cert: cert, pin: sha256.Sum256(cert.Certificate[0])}, nil
}
