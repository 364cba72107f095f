package hmacauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// TokenKind says what a token's secret is.
type TokenKind uint8

const (
	TokenHost TokenKind = 1 // the secret one server knows
	TokenLab  TokenKind = 2 // a master; each server knows only what ForHost derives for it
)

// Token is all a client needs to reach a server, in one line that a person
// copies: "rxt1_" and base64url of a CBOR map and the first 4 bytes of the
// map's SHA-256. It holds the secret: whoever has the line has the key.
type Token struct {
	Kind     TokenKind
	KeyID    string
	Secret   Secret
	ServerID string // "" only in a lab token: any server that knows the key
	Pin      []byte // SHA-256 of the server's leaf certificate, DER; nil: the first contact pins
	Address  string // host or host:port to dial; "": not known
}

const (
	tokenPrefix   = "rxt1_"
	tokenChecksum = 4
	maxTokenText  = 2048 // characters; a token of this version has at most 700
	maxAddress    = 300  // bytes; a DNS name has at most 253

	// From this key on an unknown one is ignored, below it refused: so a later
	// version can choose what an older one must understand.
	tokenOptionalKey = 64
)

// tokenMap is the CBOR map; its keys are never given another meaning.
type tokenMap struct {
	Kind     uint64 `cbor:"1,keyasint"`
	KeyID    string `cbor:"2,keyasint"`
	Secret   []byte `cbor:"3,keyasint"`
	ServerID string `cbor:"4,keyasint,omitempty"`
	Pin      []byte `cbor:"5,keyasint,omitempty"`
	Address  string `cbor:"6,keyasint,omitempty"`
}

// CBOR major types (RFC 8949, 3.1).
const (
	cborUint  = 0
	cborBytes = 2
	cborText  = 3
)

// tokenTypes are the major types of the keys 1 to 6; the library alone would
// also take an array of numbers for bytes, and null for anything.
var tokenTypes = [...]byte{1: cborUint, 2: cborText, 3: cborBytes, 4: cborText, 5: cborBytes, 6: cborText}

// Validate names the first field that no token may have.
func (t Token) Validate() error {
	if t.Kind != TokenHost && t.Kind != TokenLab {
		return fmt.Errorf("token kind %d is neither host (%d) nor lab (%d)", t.Kind, TokenHost, TokenLab)
	}
	if err := ValidateID("key id", t.KeyID); err != nil {
		return err
	}
	if t.Secret.IsZero() {
		return errors.New("token has no secret")
	}
	if t.ServerID != "" || t.Kind == TokenHost {
		if err := ValidateID("server id", t.ServerID); err != nil {
			return err
		}
	}
	if len(t.Pin) != 0 && len(t.Pin) != sha256.Size {
		return fmt.Errorf("token's pin has %d bytes, want %d or none", len(t.Pin), sha256.Size)
	}
	return validateAddress(t.Address)
}

// validateAddress only keeps out what could not be shown in one line: how an
// address is written is for those who dial it.
func validateAddress(a string) error {
	if len(a) > maxAddress {
		return fmt.Errorf("token's address has %d bytes, want at most %d", len(a), maxAddress)
	}
	odd := func(r rune) bool { return r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) }
	if strings.ContainsFunc(a, odd) {
		return fmt.Errorf("token's address %q has a space or a control character in it", a)
	}
	return nil
}

// Credentials are what to prove with to serverID; "" means the token's own. A
// host token is good for its own server only; of a lab token the secret for
// that server is derived.
func (t Token) Credentials(serverID string) (Credentials, error) {
	if serverID == "" {
		serverID = t.ServerID
	}
	c := Credentials{KeyID: t.KeyID, ServerID: serverID, Secret: t.Secret}
	switch {
	case serverID == "":
		return Credentials{}, fmt.Errorf("lab key %q needs the server id of the host: name the host", t.KeyID)
	case t.Kind == TokenLab:
		c.Secret = t.Secret.ForHost(serverID)
	case serverID != t.ServerID:
		return Credentials{}, fmt.Errorf("key %q is for %q, not for %q", t.KeyID, t.ServerID, serverID)
	}
	return c, c.validate()
}

// Encode gives the token's line, secret included, without a line break. What
// Validate refuses is encoded as well; ParseToken will refuse it.
func (t Token) Encode() string {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("hmacauth: " + err.Error()) // constant options
	}
	m := tokenMap{
		Kind:     uint64(t.Kind),
		KeyID:    t.KeyID,
		ServerID: t.ServerID,
		Pin:      t.Pin,
		Address:  t.Address,
	}
	if !t.Secret.IsZero() {
		m.Secret = t.Secret.bytes()[:]
	}
	b, err := mode.Marshal(m)
	if err != nil {
		panic("hmacauth: " + err.Error()) // a struct of numbers, strings and bytes
	}
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:tokenChecksum]...))
}

// ParseToken reads a line that Encode wrote; white space around it is ignored.
// Its errors are for the user: they say what was pasted instead and what to do,
// and hold nothing of the token's payload.
func ParseToken(text string) (Token, error) {
	line, err := tokenLine(text)
	if err != nil {
		return Token{}, fmt.Errorf("the token %w", err)
	}
	b, err := decodeBase64(strings.TrimPrefix(line, tokenPrefix))
	if err != nil || !tokenSumFits(b) {
		return Token{}, fmt.Errorf("the token %w", brokenPayload(line))
	}
	defer clear(b)
	t, err := parseTokenMap(b[:len(b)-tokenChecksum])
	if err != nil {
		return Token{}, fmt.Errorf("the token %w", err)
	}
	return t, nil
}

func tokenSumFits(b []byte) bool {
	n := len(b) - tokenChecksum
	if n < 0 {
		return false
	}
	sum := sha256.Sum256(b[:n])
	return string(sum[:tokenChecksum]) == string(b[n:])
}

// parseTokenMap gets bytes whose checksum is right: what is wrong with them was
// made so.
func parseTokenMap(b []byte) (Token, error) {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  4, // the library's least
		MaxMapPairs:      64,
		MaxArrayElements: 64,
	}.DecMode()
	if err != nil {
		panic("hmacauth: " + err.Error()) // constant options
	}
	// The library's errors are not passed on: they may quote the input.
	var fields map[uint64]cbor.RawMessage
	if mode.Unmarshal(b, &fields) != nil {
		return Token{}, errTokenContents("its map cannot be read")
	}
	for key, raw := range fields {
		if known := key > 0 && key < uint64(len(tokenTypes)); known && raw[0]>>5 != tokenTypes[key] {
			return Token{}, errTokenContents(fmt.Sprintf("field %d has the wrong type", key))
		} else if !known && key < tokenOptionalKey {
			return Token{}, errTokenNewer
		}
	}
	var m tokenMap
	if mode.Unmarshal(b, &m) != nil {
		return Token{}, errTokenContents("its fields cannot be read")
	}
	defer clear(m.Secret)
	if m.Kind > uint64(TokenLab) {
		return Token{}, errTokenNewer
	}
	secret, err := SecretFromBytes(m.Secret)
	if err != nil {
		return Token{}, errTokenContents(err.Error())
	}
	t := Token{
		Kind:     TokenKind(m.Kind),
		KeyID:    m.KeyID,
		Secret:   secret,
		ServerID: m.ServerID,
		Pin:      m.Pin,
		Address:  m.Address,
	}
	if len(t.Pin) == 0 {
		t.Pin = nil
	}
	if err := t.Validate(); err != nil {
		return Token{}, errTokenContents(err.Error())
	}
	return t, nil
}
