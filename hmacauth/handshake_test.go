package hmacauth

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ring is a key ring: current and next secret by key id.
type ring map[string][2]Secret

func (r ring) lookup(id string) (current, next Secret) { return r[id][0], r[id][1] }

// tap sees each frame on its way and may change it: 1 to 4 for M1 to M4.
type tap func(n int, whole []byte) []byte

// outcome is how a handshake ended on each side. A side that never came to its
// end has neither its result nor, maybe, an error.
type outcome struct {
	peer      Peer
	admitted  bool // Verify succeeded
	m4        []byte
	serverErr error

	params    Params
	proved    bool // Finish succeeded
	clientErr error
}

// converse takes a client and a server through a handshake until one of them
// fails. A server's refusal reaches the client as its frame.
func converse(c *Client, s *Server, tap tap) (o outcome) {
	if tap == nil {
		tap = func(_ int, whole []byte) []byte { return whole }
	}
	refused := func() []byte {
		code, ok := RefusalOf(o.serverErr)
		if !ok {
			return nil
		}
		return RefusedFrame(code)
	}
	m2, err := s.M2(tap(1, c.M1()))
	if o.serverErr = err; err != nil {
		if f := refused(); f != nil {
			_, o.clientErr = c.M3(f)
		}
		return o
	}
	m3, err := c.M3(tap(2, m2))
	if o.clientErr = err; err != nil {
		return o
	}
	o.peer, o.serverErr = s.Verify(tap(3, m3))
	o.admitted = o.serverErr == nil
	o.m4 = s.M4()
	if !o.admitted {
		if f := refused(); f != nil {
			_, o.clientErr = c.Finish(f)
		}
		return o
	}
	o.params, o.clientErr = c.Finish(tap(4, o.m4))
	o.proved = o.clientErr == nil
	return o
}

func mustClient(t testing.TB, b Binding, cred Credentials) *Client {
	t.Helper()
	c, err := NewClient(b, cred)
	require.NoError(t, err)
	return c
}

func TestBothSidesProveTheKeyAndAgree(t *testing.T) {
	cred, cfg := katCredentials(t), katConfig(t)
	cred.Features, cfg.Features = 0b0110, 0b1100
	cfg.Params = Params{}
	c, s := mustClient(t, katBinding(t), cred), NewServer(katBinding(t), cfg)

	o := converse(c, s, nil)
	require.NoError(t, o.serverErr)
	require.NoError(t, o.clientErr)
	require.Equal(t, Peer{KeyID: katKeyID, ServerID: katServerID, Features: 0b0100}, o.peer)
	require.EqualValues(t, 0b0100, c.Features())
	require.NotZero(t, o.params.ConnID, "a connection id is drawn")
	want := DefaultParams()
	want.ConnID = o.params.ConnID
	require.Equal(t, want, o.params, "zero parameters are the defaults")
	require.Equal(t, o.params, s.Params())
}

func TestEveryHandshakeHasItsOwnNoncesAndConnectionID(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		c := mustClient(t, katBinding(t), katCredentials(t))
		cfg := katConfig(t)
		cfg.Params.ConnID = [16]byte{}
		s := NewServer(katBinding(t), cfg)
		id := s.Params().ConnID
		for _, drawn := range []string{string(c.nonce[:]), string(s.nonce[:]), string(id[:])} {
			require.False(t, seen[drawn])
			seen[drawn] = true
		}
	}
}

func TestCurrentAndNextSecretBothAdmit(t *testing.T) {
	current, next := NewSecret(), NewSecret()
	for name, tc := range map[string]struct {
		ring   [2]Secret
		holds  Secret
		isNext bool
	}{
		"current, no next": {[2]Secret{current, {}}, current, false},
		"current of two":   {[2]Secret{current, next}, current, false},
		"next of two":      {[2]Secret{current, next}, next, true},
		"next alone":       {[2]Secret{{}, next}, next, true},
		"the same twice":   {[2]Secret{current, current}, current, false},
	} {
		cred, cfg := katCredentials(t), katConfig(t)
		cred.Secret, cfg.Lookup = tc.holds, ring{katKeyID: tc.ring}.lookup
		o := converse(mustClient(t, katBinding(t), cred), NewServer(katBinding(t), cfg), nil)
		require.NoError(t, errors.Join(o.serverErr, o.clientErr), name)
		require.Equal(t, tc.isNext, o.peer.Next, name)
	}
}

// calls is a side of a handshake as three calls that give only their error; nil
// frames count as the error they stand for.
type calls [3]func() error

func clientCalls(c *Client, m2, m4 []byte) calls {
	return calls{
		func() error {
			if c.M1() == nil {
				return c.seq.err
			}
			return nil
		},
		func() error { _, err := c.M3(m2); return err },
		func() error { _, err := c.Finish(m4); return err },
	}
}

func serverCalls(s *Server, m1, m3 []byte) calls {
	return calls{
		func() error { _, err := s.M2(m1); return err },
		func() error { _, err := s.Verify(m3); return err },
		func() error {
			if s.M4() == nil {
				return s.seq.err
			}
			return nil
		},
	}
}

// Every order of four calls, with frames that are right: only the right order
// goes through, and the first error is the last.
func TestEachMessageOnceInOrderAndErrorsAreFinal(t *testing.T) {
	var m [5][]byte
	kc, ks := katPair(t)
	o := converse(kc, ks, func(n int, whole []byte) []byte { m[n] = slices.Clone(whole); return whole })
	require.True(t, o.proved)

	for i := range 3 * 3 * 3 * 3 {
		order := []int{i % 3, i / 3 % 3, i / 9 % 3, i / 27}
		c, s := katPair(t)
		for side, calls := range map[string]calls{"client": clientCalls(c, m[2], m[4]), "server": serverCalls(s, m[1], m[3])} {
			var first error
			for at, call := range order {
				err := calls[call]()
				switch {
				case first != nil:
					require.Same(t, first, err, "%s %v: call %d", side, order, at)
				case at < 3 && slices.Equal(order[:at+1], []int{0, 1, 2}[:at+1]):
					require.NoError(t, err, "%s %v: call %d", side, order, at)
				default:
					require.ErrorIs(t, err, ErrProtocol, "%s %v: call %d", side, order, at)
					first = err
				}
			}
			require.Error(t, first, "%s %v: four calls are one too many", side, order)
		}
	}
}

func TestFramesHandedOutAreNotReadBack(t *testing.T) {
	c, s := katPair(t)
	m1 := c.M1()
	m2, err := s.M2(m1)
	require.NoError(t, err)
	clear(m1)
	m3, err := c.M3(m2)
	require.NoError(t, err)
	clear(m2)
	_, err = s.Verify(m3)
	require.NoError(t, err)
	clear(m3)
	_, err = c.Finish(s.M4())
	require.NoError(t, err)
}

func TestClientRefusesWhatItCannotProveWith(t *testing.T) {
	good := katCredentials(t)
	for name, change := range map[string]func(*Binding, *Credentials){
		"key id":      func(_ *Binding, c *Credentials) { c.KeyID = "Ops" },
		"server id":   func(_ *Binding, c *Credentials) { c.ServerID = "" },
		"no secret":   func(_ *Binding, c *Credentials) { c.Secret = Secret{} },
		"no exporter": func(b *Binding, _ *Credentials) { b.Exporter = [32]byte{} },
		"no leaf":     func(b *Binding, _ *Credentials) { b.Cert = [32]byte{} },
	} {
		b, cred := katBinding(t), good
		change(&b, &cred)
		_, err := NewClient(b, cred)
		require.Error(t, err, name)
	}
}

func TestServerRefusesToStartMisconfigured(t *testing.T) {
	c := mustClient(t, katBinding(t), katCredentials(t))
	m1 := c.M1()

	cfg := katConfig(t)
	cfg.Params.Window = 1
	_, err := NewServer(katBinding(t), cfg).M2(m1)
	require.ErrorContains(t, err, "window 1 is not within 65536 to 1048576")
	require.NotErrorIs(t, err, ErrProtocol, "it is not the client's fault")

	_, err = NewServer(Binding{Cert: katBinding(t).Cert}, katConfig(t)).M2(m1)
	require.ErrorContains(t, err, "binding is missing")
}

func TestServerWithoutKeysOrNamesAdmitsNobody(t *testing.T) {
	cfg := katConfig(t)
	cfg.Lookup = nil
	o := converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), cfg), nil)
	require.ErrorIs(t, o.serverErr, ErrBadProof)

	cfg = katConfig(t)
	cfg.ServerIDs = nil
	o = converse(mustClient(t, katBinding(t), katCredentials(t)), NewServer(katBinding(t), cfg), nil)
	require.ErrorIs(t, o.serverErr, ErrWrongServer)
}
