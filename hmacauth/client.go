package hmacauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"rexec/frame"
)

// Credentials are what a client proves with.
type Credentials struct {
	// KeyID names the key in the server's ring.
	KeyID string
	// ServerID is the name the server must go by. It is inside the proof.
	ServerID string
	// Secret is the key's; of a lab key the one for ServerID (Token.Credentials
	// sees to that).
	Secret Secret
	// Features are the bits offered. Zero: none.
	Features uint64
}

func (c Credentials) validate() error {
	if err := ValidateID("key id", c.KeyID); err != nil {
		return err
	}
	if err := ValidateID("server id", c.ServerID); err != nil {
		return err
	}
	if c.Secret.IsZero() {
		return fmt.Errorf("key %q has no secret", c.KeyID)
	}
	return nil
}

// Client is the client's half of one handshake: M1, then M3, then Finish, each
// once. It is for one connection and one goroutine. Before Finish returned nil
// nothing is known about who is at the other end.
type Client struct {
	seq     sequence
	binding Binding
	cred    Credentials
	nonce   [nonceSize]byte

	m1       []byte
	m3       []byte
	th0      [sha256.Size]byte
	features uint64
}

// NewClient refuses ids that are not valid, a zero secret and a zero binding.
func NewClient(b Binding, cred Credentials) (*Client, error) {
	return newClient(b, cred, randomBytes)
}

// newClient has the nonce drawn by random, for known answers.
func newClient(b Binding, cred Credentials, random func([]byte)) (*Client, error) {
	if err := errors.Join(b.validate(), cred.validate()); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	c := &Client{binding: b, cred: cred}
	random(c.nonce[:])
	return c, nil
}

func randomBytes(b []byte) { rand.Read(b) } // never fails: crypto/rand crashes the process instead

// M1 returns the first frame. A second call returns nil and ends the
// handshake.
func (c *Client) M1() []byte {
	if c.seq.enter(stepFirst) != nil {
		return nil
	}
	c.m1 = m1{
		verMin:   Version,
		verMax:   Version,
		nonce:    c.nonce,
		features: c.cred.Features,
		keyID:    c.cred.KeyID,
		serverID: c.cred.ServerID,
	}.encode()
	return slices.Clone(c.m1)
}

// M3 answers the server's M2 with the client's proof. A REFUSED frame in its
// place is a *RefusedError.
func (c *Client) M3(m2 []byte) (m3 []byte, err error) {
	if err := c.seq.enter(stepSecond); err != nil {
		return nil, err
	}
	got, err := c.receiveM2(m2)
	if err != nil {
		return nil, c.fail(err)
	}
	c.features = got.features
	c.th0 = transcript0(c.binding, c.m1, m2)
	k := deriveKeys(c.cred.Secret)
	defer k.erase()
	c.m3 = encodeM3(proof(&k.client, labelClientProof, c.th0))
	return slices.Clone(c.m3), nil
}

func (c *Client) receiveM2(whole []byte) (m2, error) {
	if err := refusedInstead(whole); err != nil {
		return m2{}, err
	}
	got, err := parseM2(whole)
	switch {
	case err != nil:
		return m2{}, err
	case got.version != Version:
		return m2{}, fmt.Errorf("M2: %w: the server chose %d, offered was %d", ErrVersion, got.version, Version)
	case got.features&^c.cred.Features != 0:
		return m2{}, malformed(frame.TypeM2, "features %#x were not offered", got.features&^c.cred.Features)
	case got.nonce == c.nonce:
		return m2{}, malformed(frame.TypeM2, "the nonce is the client's own")
	}
	return got, nil
}

// Finish checks the server's M4. nil says that the server holds the key, on
// this very channel. A REFUSED frame in its place is a *RefusedError. Either
// way the Client has forgotten the secret.
func (c *Client) Finish(m4 []byte) (Params, error) {
	if err := c.seq.enter(stepThird); err != nil {
		return Params{}, err
	}
	p, err := c.receiveM4(m4)
	if err != nil {
		return Params{}, c.fail(err)
	}
	c.cred.Secret = Secret{}
	return p, nil
}

func (c *Client) receiveM4(whole []byte) (Params, error) {
	if err := refusedInstead(whole); err != nil {
		return Params{}, err
	}
	p, mac, err := parseM4(whole)
	if err != nil {
		return Params{}, err
	}
	k := deriveKeys(c.cred.Secret)
	defer k.erase()
	th1 := transcript1(c.th0, c.m3, whole[:len(whole)-macSize])
	want := proof(&k.server, labelServerProof, th1)
	if !hmac.Equal(want[:], mac[:]) {
		return Params{}, fmt.Errorf("M4: %w: the server did not prove that it is %q and holds key %q: "+
			"do not go on before you know who answered", ErrBadProof, c.cred.ServerID, c.cred.KeyID)
	}
	return p, nil
}

// Features are the bits that both sides have, once M3 returned; trust them
// only after Finish.
func (c *Client) Features() uint64 { return c.features }

func (c *Client) fail(err error) error {
	c.cred.Secret = Secret{}
	return c.seq.fail(err)
}
