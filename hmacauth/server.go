package hmacauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
)

// ServerConfig is the same for all connections of a daemon.
type ServerConfig struct {
	// ServerIDs are the names this server goes by. Empty: nobody is admitted.
	ServerIDs []string
	// Lookup returns a key's secrets; zero is none. It is called once for each
	// M3, from the handshake's goroutine, and should take as long for an id
	// that does not exist. nil: there are no keys.
	Lookup func(keyID string) (current, next Secret)
	// Boot is drawn once when the daemon starts; it makes the secrets that
	// stand in for missing ones. Zero: drawn for this handshake.
	Boot Secret
	// Params go into M4. A zero field: as in DefaultParams.
	Params Params
	// Features are the bits this server has. Zero: none.
	Features uint64
}

// Peer is a client that proved its key.
type Peer struct {
	KeyID    string
	ServerID string // the one of ServerConfig.ServerIDs it asked for
	Next     bool   // it holds the key's next secret, not the current one
	Features uint64 // what both sides have
}

// Server is the server's half of one handshake: M2, then Verify, then M4, each
// once. It is for one connection and one goroutine.
type Server struct {
	seq     sequence
	binding Binding
	cfg     ServerConfig
	nonce   [nonceSize]byte
	work    work

	hello m1
	m3    []byte
	peer  Peer
	th0   [sha256.Size]byte
	key   Secret // K_s of the secret that matched; a Secret so that it cannot be printed
}

// work is what Verify spends its time on; a field so that tests can count it.
type work struct {
	fake   func(boot Secret, keyID string) Secret
	derive func(Secret) keys
	proof  func(key *[sha256.Size]byte, label string, th [sha256.Size]byte) [sha256.Size]byte
	equal  func(a, b []byte) bool
}

// NewServer makes one for a connection. What is wrong with b or cfg comes out
// of M2.
func NewServer(b Binding, cfg ServerConfig) *Server {
	return newServer(b, cfg, randomBytes)
}

// newServer has nonce and connection id drawn by random, for known answers.
func newServer(b Binding, cfg ServerConfig, random func([]byte)) *Server {
	s := &Server{binding: b, cfg: cfg, work: work{fakeSecret, deriveKeys, proof, hmac.Equal}}
	random(s.nonce[:])
	s.cfg.Params = cfg.Params.orDefault()
	if s.cfg.Params.ConnID == [16]byte{} {
		random(s.cfg.Params.ConnID[:])
	}
	if s.cfg.Boot.IsZero() {
		s.cfg.Boot = NewSecret()
	}
	if s.cfg.Lookup == nil {
		s.cfg.Lookup = func(string) (current, next Secret) { return Secret{}, Secret{} }
	}
	if err := b.validate(); err != nil {
		s.seq.fail(err)
	}
	if err := s.cfg.Params.Validate(); err != nil {
		s.seq.fail(err)
	}
	return s
}

// M2 answers the client's M1 with a challenge.
func (s *Server) M2(m1 []byte) (m2 []byte, err error) {
	if err := s.seq.enter(stepFirst); err != nil {
		return nil, err
	}
	m2, err = s.receiveM1(m1)
	if err != nil {
		return nil, s.seq.fail(err)
	}
	s.th0 = transcript0(s.binding, m1, m2)
	return m2, nil
}

func (s *Server) receiveM1(whole []byte) ([]byte, error) {
	hello, err := parseM1(whole)
	if err != nil {
		return nil, err
	}
	s.hello = hello
	return m2{
		version:  Version,
		nonce:    s.nonce,
		features: hello.features & s.cfg.Features,
	}.encode(), nil
}

// Verify checks the client's M3. Its work is the same whether the key id
// exists, has a next secret, or whether the proof is right: a stranger learns
// from neither bytes nor time which it was (SEMANTICS 44).
func (s *Server) Verify(m3 []byte) (Peer, error) {
	if err := s.seq.enter(stepSecond); err != nil {
		return Peer{}, err
	}
	mac, err := parseM3(m3)
	if err != nil {
		return Peer{}, s.seq.fail(err)
	}
	which := s.match(mac)
	named := slices.Contains(s.cfg.ServerIDs, s.hello.serverID)
	switch {
	case which == matchNone:
		return Peer{}, s.seq.fail(fmt.Errorf("M3: %w for key %q", ErrBadProof, s.hello.keyID))
	case !named:
		s.key.erase()
		return Peer{}, s.seq.fail(fmt.Errorf("M3: %w: key %q asked for %q", ErrWrongServer, s.hello.keyID, s.hello.serverID))
	}
	s.m3 = slices.Clone(m3)
	s.peer = Peer{
		KeyID:    s.hello.keyID,
		ServerID: s.hello.serverID,
		Next:     which == matchNext,
		Features: s.hello.features & s.cfg.Features,
	}
	return s.peer, nil
}

// matched says which of a key's secrets made a proof.
type matched int

const (
	matchNone    matched = 0
	matchCurrent matched = 1
	matchNext    matched = 2
)

// match derives and compares all three: current, next, fake. A missing secret
// is replaced by the fake one, so that the work stays, and what matches there
// does not count. It keeps K_s of the one that did.
func (s *Server) match(mac [macSize]byte) matched {
	current, next := s.cfg.Lookup(s.hello.keyID)
	fake := s.work.fake(s.cfg.Boot, s.hello.keyID)
	defer fake.erase()

	which, key := matchNone, new([sha256.Size]byte)
	for _, try := range [...]struct {
		secret Secret
		as     matched
	}{{next, matchNext}, {current, matchCurrent}, {Secret{}, matchNone}} {
		as := try.as
		if try.secret.IsZero() {
			try.secret, as = fake, matchNone
		}
		k := s.work.derive(try.secret)
		want := s.work.proof(&k.client, labelClientProof, s.th0)
		if s.work.equal(want[:], mac[:]) && as != matchNone {
			which, *key = as, k.server
		}
		k.erase()
	}
	s.key = wrap(*key)
	clear(key[:])
	return which
}

// M4 returns the last frame, the server's own proof. nil unless Verify
// succeeded, and on a second call.
func (s *Server) M4() []byte {
	if s.seq.enter(stepThird) != nil {
		return nil
	}
	f := encodeM4(s.cfg.Params)
	mac := proof(s.key.bytes(), labelServerProof, transcript1(s.th0, s.m3, f))
	s.key.erase()
	return append(f, mac[:]...)
}

// Params are those M4 tells the client, with the connection id.
func (s *Server) Params() Params { return s.cfg.Params }
