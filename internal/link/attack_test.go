package link

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/hmacauth"
)

// splice carries bytes both ways until one side ends.
func splice(a, b io.ReadWriteCloser) {
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(a, b); _ = a.Close() })
	wg.Go(func() { _, _ = io.Copy(b, a); _ = b.Close() })
	wg.Wait()
}

// relay is somebody on the path who ends TLS on both sides and passes on what is inside. What the client said is in
// seen when he is done.
func relay(daemon string, as *Identity, seen chan<- []byte) func(net.Conn) {
	return func(nc net.Conn) {
		var said bytes.Buffer
		defer func() { seen <- said.Bytes() }()
		near, err := answer(nc, as)
		if err != nil {
			// The client does not like his certificate; he reads on, as if TLS were up.
			_, _ = io.Copy(&said, near)
			_, _ = io.Copy(&said, nc)
			return
		}
		up, err := net.Dial("tcp", daemon)
		if err != nil {
			return
		}
		defer up.Close()
		far, err := greet(up)
		if err != nil {
			return
		}
		splice(struct {
			io.Reader
			io.WriteCloser
		}{io.TeeReader(near, &said), near}, far)
	}
}

func TestSem45_AManInTheMiddleOfAPinnedClientSeesNoProof(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	seen := make(chan []byte, 1)
	var c command
	l, err := connect(t, fakeDaemon(t, relay(x.addr, evilID(), seen)), ClientConfig{Pin: boxPin(), First: c.first})
	require.Nil(t, l)
	var pe *PinError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, evilID().Pin(), pe.Got)
	ce := asClientError(t, err)
	require.Equal(t, StageChannel, ce.Stage)
	require.Contains(t, ce.Error(), "rexec host trust")
	require.Zero(t, c.calls)
	require.Empty(t, <-seen, "not even M1 was sent")
	x.requireNothing(t)
}

func TestSem45_AManInTheMiddleOfAFirstContactGetsNobodyIn(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	seen := make(chan []byte, 1)
	var c command
	l, err := connect(t, fakeDaemon(t, relay(x.addr, evilID(), seen)), ClientConfig{First: c.first})
	require.Nil(t, l)
	var refused *hmacauth.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, hmacauth.RefusalNotAdmitted, refused.Code)
	require.ErrorIs(t, x.next(t).err, hmacauth.ErrBadProof, "the proof was for another channel")
	x.requireNothing(t)
	const m1, m3 = frame.HeaderSize + 50 + len("admin") + len("box"), frame.HeaderSize + 32
	require.Len(t, <-seen, m1+m3, "no START on a first contact before M4")
	require.Zero(t, c.calls)
}

// Who stole the daemon's TLS key can read what is meant for it, but cannot be it: the proof is for this one channel.
func TestSem45_AManInTheMiddleWithTheStolenTLSKeyGetsNobodyIn(t *testing.T) {
	for _, pin := range [][]byte{nil, boxPin()} {
		x := startBox(t, nil, nil, nil)
		var c command
		l, err := connect(t, fakeDaemon(t, relay(x.addr, boxID(), make(chan []byte, 1))), ClientConfig{Pin: pin, First: c.first})
		require.Nil(t, l)
		var refused *hmacauth.RefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, x.next(t).err, hmacauth.ErrBadProof)
		x.requireNothing(t)
	}
}

func TestTheBindingIsTheExporterAndTheCertificate(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	k := talk(t, dial(t, x.addr))
	require.NotZero(t, k.binding().Exporter)
	got, err := binding(k.ConnectionState(), k.pin)
	require.NoError(t, err)
	require.Equal(t, k.binding(), got)
	other := talk(t, dial(t, x.addr))
	require.NotEqual(t, k.binding().Exporter, other.binding().Exporter, "each channel has its own")
	_, _ = k.Close(), other.Close()
	require.Error(t, x.next(t).err)
	require.Error(t, x.next(t).err)
}

// He does not know the key but answers himself, with whatever the client might take.
func TestSem45_AFirstContactLearnsNoPinFromWhoDoesNotHoldTheKey(t *testing.T) {
	for name, m4 := range map[string]func(hs *hmacauth.Server, m1, m3 []byte) []byte{
		"another key's M4": func(hs *hmacauth.Server, m1, m3 []byte) []byte {
			return append(frame.Header{Length: 60, Type: frame.TypeM4}.Append(nil), m4Body()...)
		},
		"the client's proof back": func(hs *hmacauth.Server, m1, m3 []byte) []byte {
			body := m4Body()
			copy(body[28:], m3[frame.HeaderSize:])
			return append(frame.Header{Length: 60, Type: frame.TypeM4}.Append(nil), body...)
		},
		"M3 back": func(hs *hmacauth.Server, m1, m3 []byte) []byte { return m3 },
	} {
		t.Run(name, func(t *testing.T) {
			var c command
			l, err := connect(t, fakeDaemon(t, func(nc net.Conn) {
				k, err := answer(nc, evilID())
				if err != nil {
					return
				}
				hs := k.server(hmacauth.ServerConfig{})
				m1, _ := k.recv()
				m2, _ := hs.M2(m1)
				_, _ = k.Write(m2)
				m3, err := k.recv()
				if err == nil {
					_, _ = k.Write(m4(hs, m1, m3))
				}
				_, _ = io.Copy(io.Discard, k)
			}), ClientConfig{First: c.first})
			require.Nil(t, l, "and so no Link.Pin")
			require.Equal(t, StageProof, asClientError(t, err).Stage)
			require.Zero(t, c.calls)
		})
	}
}

func m4Body() []byte {
	b := make([]byte, 60)
	copy(b[16:], []byte{0, 1, 0, 0, 0, 4, 0, 0, 0, 15, 0, 3}) // parameters of no offence
	return b
}

func TestSem45_ARerouteToAnotherDaemonWithTheSameKeyIsRefused(t *testing.T) {
	other := func(id *Identity) func(*ServerConfig) {
		return func(c *ServerConfig) { c.Identity, c.Auth.ServerIDs = id, []string{"other"} }
	}
	tap := func(to string) string { // a switch port that sends every packet elsewhere
		return fakeDaemon(t, func(nc net.Conn) {
			up, err := net.Dial("tcp", to)
			if err == nil {
				splice(nc, up)
			}
		})
	}
	t.Run("pinned", func(t *testing.T) {
		x := startBox(t, other(evilID()), nil, nil)
		var c command
		_, err := connect(t, tap(x.addr), ClientConfig{Pin: boxPin(), First: c.first})
		var pe *PinError
		require.ErrorAs(t, err, &pe)
		require.Error(t, x.next(t).err)
		x.requireNothing(t)
	})
	for name, v := range map[string]struct {
		id  *Identity
		pin []byte
	}{
		"first contact":                    {evilID(), nil},
		"pinned, and its image was copied": {boxID(), boxPin()},
	} {
		t.Run(name, func(t *testing.T) {
			x := startBox(t, other(v.id), nil, nil)
			var c command
			_, err := connect(t, tap(x.addr), ClientConfig{Pin: v.pin, First: c.first})
			var refused *hmacauth.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, StageProof, asClientError(t, err).Stage, "nothing ran, also where START was behind M3")
			require.ErrorIs(t, x.next(t).err, hmacauth.ErrWrongServer)
			x.requireNothing(t)
		})
	}
}

func TestSem45_ADaemonLoopedOntoItselfAdmitsNobody(t *testing.T) {
	t.Run("its sockets", func(t *testing.T) {
		x := startBox(t, func(c *ServerConfig) { c.Timeout = 300 * time.Millisecond }, nil, nil)
		a, b := dial(t, x.addr), dial(t, x.addr)
		var wg sync.WaitGroup
		wg.Go(func() { splice(a, b) })
		require.Error(t, x.next(t).err)
		require.Error(t, x.next(t).err)
		wg.Wait()
		x.requireNothing(t)
	})
	t.Run("its frames", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		a, b := talk(t, dial(t, x.addr)), talk(t, dial(t, x.addr))
		_, err := a.Write(a.client(t, adminKey).M1())
		require.NoError(t, err)
		m2, err := a.recv()
		require.NoError(t, err)
		_, err = b.Write(m2) // its challenge as somebody's hello
		require.NoError(t, err)
		_, err = b.recv()
		require.Error(t, err)
		_, err = a.Write(m2) // and as its own answer
		require.NoError(t, err)
		_, err = a.recv()
		require.Error(t, err)
		require.Error(t, x.next(t).err)
		require.Error(t, x.next(t).err)
		x.requireNothing(t)
	})
	// One connection's challenge is carried to the other's client, so that a good M3 exists, and that is sent on both.
	t.Run("a proof made for its other connection", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		a, b := talk(t, dial(t, x.addr)), talk(t, dial(t, x.addr))
		m1 := a.client(t, adminKey).M1()
		_, _ = a.Write(m1)
		_, _ = b.Write(m1)
		m2a, err := a.recv()
		require.NoError(t, err)
		_, err = b.recv()
		require.NoError(t, err)
		hs := b.client(t, adminKey) // knows b's channel, is shown a's challenge
		hs.M1()
		m3, err := hs.M3(m2a)
		require.NoError(t, err)
		for _, k := range []*talker{a, b} {
			_, err = k.Write(m3)
			require.NoError(t, err)
			k.requireRefused(t, hmacauth.RefusalNotAdmitted)
			require.NoError(t, k.Close())
			require.ErrorIs(t, x.next(t).err, hmacauth.ErrBadProof)
		}
		x.requireNothing(t)
	})
}

// tape keeps what went through a client's socket.
type tape struct {
	net.Conn
	mu   sync.Mutex
	sent bytes.Buffer
}

func (c *tape) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func TestSem45_AReplayRunsNothing(t *testing.T) {
	t.Run("of the recorded bytes", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		nc := &tape{Conn: dial(t, x.addr)}
		var c command
		l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Pin: boxPin(), First: c.first})
		require.NoError(t, err)
		first := x.next(t)
		require.NoError(t, first.err)
		_, err = first.l.Accept(context.Background())
		require.NoError(t, err)
		l.Close()
		require.NoError(t, l.Wait())
		require.EqualValues(t, 1, x.opened.Load())

		again := dial(t, x.addr)
		_, err = again.Write(nc.sent.Bytes())
		require.NoError(t, err)
		require.Error(t, x.next(t).err)
		require.EqualValues(t, 1, x.links.Load())
		require.EqualValues(t, 1, x.opened.Load())
	})
	t.Run("of the frames inside", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		k := talk(t, dial(t, x.addr))
		hs, m3 := k.prove(t, adminKey)
		var c command
		start := earlyBytes(t, &c)
		_, err := k.Write(append(bytes.Clone(m3), start...))
		require.NoError(t, err)
		m4, err := k.recv()
		require.NoError(t, err)
		_, err = hs.Finish(m4)
		require.NoError(t, err)
		require.NoError(t, x.next(t).err)

		again := talk(t, dial(t, x.addr))
		hello := again.client(t, adminKey)
		_, err = again.Write(hello.M1())
		require.NoError(t, err)
		_, err = again.recv()
		require.NoError(t, err)
		_, err = again.Write(append(m3, start...))
		require.NoError(t, err)
		again.requireRefused(t, hmacauth.RefusalNotAdmitted)
		_ = again.NetConn().Close()
		require.ErrorIs(t, x.next(t).err, hmacauth.ErrBadProof)
		require.EqualValues(t, 1, x.links.Load())
	})
	t.Run("of the daemon's answers to a client", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		k := talk(t, dial(t, x.addr))
		_, m3 := k.prove(t, adminKey)
		_, err := k.Write(m3)
		require.NoError(t, err)
		m4, err := k.recv()
		require.NoError(t, err)
		require.NoError(t, x.next(t).err)
		// The daemon's key was stolen, the ring was not: he has the pinned TLS and a good old M4.
		var c command
		_, err = connect(t, fakeDaemon(t, func(nc net.Conn) {
			thief, err := answer(nc, boxID())
			if err != nil {
				return
			}
			m1, _ := thief.recv()
			m2, _ := thief.server(hmacauth.ServerConfig{}).M2(m1)
			_, _ = thief.Write(m2)
			_, _ = thief.recv()
			_, _ = thief.Write(m4)
			_, _ = io.Copy(io.Discard, thief)
		}), ClientConfig{Pin: boxPin(), First: c.first})
		require.ErrorIs(t, err, hmacauth.ErrBadProof)
		require.Equal(t, StageUnknown, asClientError(t, err).Stage, "he who holds the TLS key has read the START")
	})
}

func TestSem45_SwappedRolesMeetNobody(t *testing.T) {
	limit := 300 * time.Millisecond
	t.Run("two clients", func(t *testing.T) {
		a, b := newWire(0, 1<<20)
		var wg sync.WaitGroup
		for _, nc := range []net.Conn{a, b} {
			wg.Go(func() {
				var c command
				l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Timeout: limit, First: c.first})
				if l != nil || err == nil || c.calls > 0 {
					t.Error("a client took a client for a daemon")
				}
			})
		}
		wg.Wait()
	})
	t.Run("two daemons", func(t *testing.T) {
		a, b := newWire(0, 1<<20)
		var y tally
		cfg := serverConfig(&y)
		cfg.Timeout = limit
		var wg sync.WaitGroup
		for _, nc := range []net.Conn{a, b} {
			wg.Go(func() {
				if _, err := Server(context.Background(), nc, cfg); err == nil {
					t.Error("a daemon took a daemon for a client")
				}
			})
		}
		wg.Wait()
		y.requireNothing(t)
	})
	// A mirror ends TLS and says to the client what the client says.
	t.Run("a mirror", func(t *testing.T) {
		var c command
		_, err := connect(t, fakeDaemon(t, func(nc net.Conn) {
			if k, err := answer(nc, boxID()); err == nil {
				_, _ = io.Copy(k, k)
			}
		}), ClientConfig{Pin: boxPin(), First: c.first})
		require.ErrorIs(t, err, hmacauth.ErrProtocol)
		require.Equal(t, StageProof, asClientError(t, err).Stage)
		require.Zero(t, c.calls)
	})
	// The daemon's M2 as the client's: who is asked for a proof is not who gives one.
	t.Run("a client that challenges", func(t *testing.T) {
		x := startBox(t, nil, nil, nil)
		k := talk(t, dial(t, x.addr))
		m2, err := k.server(hmacauth.ServerConfig{}).M2(k.client(t, adminKey).M1())
		require.NoError(t, err)
		_, err = k.Write(m2)
		require.NoError(t, err)
		_, err = k.recv()
		require.Error(t, err)
		require.ErrorIs(t, x.next(t).err, hmacauth.ErrProtocol)
		x.requireNothing(t)
	})
}

func TestAFirstContactLearnsThePinOfWhoHoldsTheKey(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	var c command
	l, err := connect(t, x.addr, ClientConfig{First: c.first})
	require.NoError(t, err)
	require.Equal(t, boxID().Pin(), l.Pin)
	require.Equal(t, 1, c.calls)
	_, err = connect(t, x.addr, ClientConfig{Pin: l.Pin[:], First: c.first})
	require.NoError(t, err, "and it fits the next time")
}
