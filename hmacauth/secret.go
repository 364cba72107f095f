package hmacauth

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// SecretSize is the length of a secret in bytes.
const SecretSize = 32

// redacted is all that any printer, encoder or logger gets to see.
const redacted = "[secret]"

// Secret is 32 random bytes that both sides hold. The zero value is "none".
// Copies share the bytes. It never prints or encodes itself; only Reveal and
// Token.Encode give the bytes out.
//
// The bytes are behind a function, because methods protect only where they are
// called: fmt skips them for unexported fields and bad verbs, and testify's
// differ turns them off and follows pointers. No reflection can look into a
// closure. It also makes == a compile error: use Equal.
type Secret struct {
	open func() *[SecretSize]byte
}

// NewSecret draws a secret from crypto/rand.
func NewSecret() Secret {
	var b [SecretSize]byte
	rand.Read(b[:]) // never fails: crypto/rand crashes the process instead
	return wrap(b)
}

// SecretFromBytes copies b, which must be 32 bytes and not all zero.
func SecretFromBytes(b []byte) (Secret, error) {
	if len(b) != SecretSize {
		return Secret{}, fmt.Errorf("secret has %d bytes, want %d", len(b), SecretSize)
	}
	s := wrap([SecretSize]byte(b))
	if s.Equal(Secret{}) {
		return Secret{}, errors.New("secret is all zero bytes")
	}
	return s, nil
}

// ParseSecret reads what Reveal wrote: 43 characters of base64url without
// padding. Its errors hold nothing of text.
func ParseSecret(text string) (Secret, error) {
	const chars = (SecretSize*8 + 5) / 6
	if len(text) != chars {
		return Secret{}, fmt.Errorf("secret has %d characters, want %d of base64url", len(text), chars)
	}
	b, err := decodeBase64(text)
	if err != nil {
		return Secret{}, fmt.Errorf("secret is not base64url without padding, want %d characters of it", chars)
	}
	defer clear(b)
	return SecretFromBytes(b)
}

// Reveal returns the secret as base64url without padding, "" for none. It is
// meant for the key ring's file, and for nothing that is shown or logged.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(s.bytes()[:])
}

// IsZero reports whether s is none.
func (s Secret) IsZero() bool { return s.open == nil }

// Equal compares in constant time. Two nones are equal.
func (s Secret) Equal(other Secret) bool {
	return hmac.Equal(s.bytes()[:], other.bytes()[:])
}

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// GoString returns "[secret]".
func (s Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) }

// MarshalText returns "[secret]": a secret is not meant to be read back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[secret]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// bytes is read only: copies of s share the array. None is all zero.
func (s Secret) bytes() *[SecretSize]byte {
	if s.open == nil {
		return new([SecretSize]byte)
	}
	return s.open()
}

// erase zeroes the bytes for every copy of s: only for secrets this package
// derived and gave to nobody.
func (s Secret) erase() { clear(s.bytes()[:]) }

func wrap(b [SecretSize]byte) Secret {
	return Secret{open: func() *[SecretSize]byte { return &b }}
}

// decodeBase64 refuses what encoding/base64 lets pass: line breaks anywhere,
// and stray bits after the last byte.
func decodeBase64(text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}
