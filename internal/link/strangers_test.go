package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

// m1With is an M1 with other versions in it.
func m1With(m1 []byte, low, high byte) []byte {
	m1[frame.HeaderSize+5], m1[frame.HeaderSize+7] = low, high
	return m1
}

func TestSem46_TheDaemonRefusesForeignersInTimeAndNothingElseIsDisturbed(t *testing.T) {
	plain := &tls.Config{InsecureSkipVerify: true}
	with := func(change func(*tls.Config)) *tls.Config {
		c := plain.Clone()
		change(c)
		return c
	}
	version := func(low, high byte) func(*testing.T, net.Conn) {
		return func(t *testing.T, nc net.Conn) {
			k := talk(t, nc)
			_, err := k.Write(m1With(k.client(t, adminKey).M1(), low, high))
			require.NoError(t, err)
			k.requireRefused(t, hmacauth.RefusalVersion)
		}
	}
	overTLS := func(cfg *tls.Config) func(*testing.T, net.Conn) {
		return func(t *testing.T, nc net.Conn) {
			k := tls.Client(nc, cfg)
			err := k.Handshake()
			if err == nil { // the daemon's word comes behind the client's Finished
				_, err = k.Read(make([]byte, 1))
			}
			require.ErrorContains(t, err, "remote error")
		}
	}
	bytes := func(b string) func(*testing.T, net.Conn) {
		return func(t *testing.T, nc net.Conn) {
			_, err := io.WriteString(nc, b)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, nc) // RST or FIN, either is an end
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		}
	}
	afterTLS := func(b []byte) func(*testing.T, net.Conn) {
		return func(t *testing.T, nc net.Conn) {
			k := talk(t, nc)
			_, err := k.Write(b)
			require.NoError(t, err)
			_, err = k.r.ReadByte()
			require.Error(t, err)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		}
	}
	for name, v := range map[string]struct {
		do  func(*testing.T, net.Conn)
		say string // the daemon's own error
	}{
		"no ALPN":      {overTLS(plain), `protocol ""`},
		"another ALPN": {overTLS(with(func(c *tls.Config) { c.NextProtos = []string{"h2", "rexec/2"} })), "unsupported application protocols"},
		"TLS 1.2":      {overTLS(with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12; c.NextProtos = []string{alpn} })), "unsupported versions"},
		"HTTP":         {bytes("GET / HTTP/1.1\r\nHost: box\r\n\r\n"), "does not look like a TLS handshake"},
		"SSH":          {bytes("SSH-2.0-OpenSSH_9.9\r\n"), "does not look like a TLS handshake"},
		"noise":        {bytes(strings.Repeat("\x16\x03\x01\xff\xff", 100)), "tls"},
		"gone at once": {func(t *testing.T, nc net.Conn) { _ = nc.Close() }, ""},
		"version 0":    {version(0, 0), "no common protocol version"},
		"version 99":   {version(99, 99), "no common protocol version"},
		"versions 2 to 1": {func(t *testing.T, nc net.Conn) {
			k := talk(t, nc)
			_, err := k.Write(m1With(k.client(t, adminKey).M1(), 2, 1))
			require.NoError(t, err)
			_, err = k.r.ReadByte()
			require.ErrorIs(t, err, io.EOF)
		}, "versions 2 to 1"},
		"a huge frame":     {afterTLS([]byte{0, 0, 4, 1, 1, 0, 0, 0}), "1025 bytes before the proofs"},
		"START at once":    {afterTLS(frame.Header{Length: 3, Type: frame.TypeStart, Stream: 1}.Append([]byte{})), ""},
		"OPEN at once":     {afterTLS(append(frame.Header{Length: 21, Type: frame.TypeOpen, Stream: 1}.Append(nil), frame.Open{Kind: "exec"}.Append(nil)...)), "protocol error"},
		"M3 at once":       {afterTLS(append(frame.Header{Length: 32, Type: frame.TypeM3}.Append(nil), make([]byte, 32)...)), "protocol error"},
		"HTTP inside":      {afterTLS([]byte("GET / HTTP/1.1\r\n\r\n")), "before the proofs"},
		"silence":          {func(t *testing.T, nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, "timeout"},
		"silence inside":   {func(t *testing.T, nc net.Conn) { _, _ = io.Copy(io.Discard, talk(t, nc)) }, "timeout"},
		"silence after M2": {func(t *testing.T, nc net.Conn) { k := talk(t, nc); k.prove(t, adminKey); _, _ = io.Copy(io.Discard, k) }, "timeout"},
		"half an M1": {func(t *testing.T, nc net.Conn) {
			k := talk(t, nc)
			_, err := k.Write(k.client(t, adminKey).M1()[:20])
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, k)
		}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v.say == "timeout" {
				requireTimeout(t, v.do)
				return
			}
			var c command
			x := startBox(t, nil, nil, nil)
			v.do(t, dial(t, x.addr))
			r := x.next(t)
			require.Error(t, r.err)
			require.NotContains(t, r.err.Error(), "\n")
			require.ErrorContains(t, r.err, v.say)
			x.requireNothing(t)
			_, err := connect(t, x.addr, ClientConfig{Pin: boxPin(), First: c.first})
			require.NoError(t, err, "who knows the key is let in as before")
			require.NoError(t, x.next(t).err)
		})
	}
}

// requireTimeout has the daemon meet a client that falls silent, in virtual time: however slow the machine is, the client
// comes as far as it means to, and the daemon ends with the handshake's time.
func requireTimeout(t *testing.T, do func(*testing.T, net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		var y tally
		serve := func() (net.Conn, chan served) {
			a, b := newWire(0, 1<<20)
			got := make(chan served, 1)
			go func() { l, err := Server(context.Background(), b, serverConfig(&y)); got <- served{l, err} }()
			return a, got
		}
		began := time.Now()
		nc, ended := serve()
		do(t, nc)
		err := (<-ended).err
		require.ErrorContains(t, err, "timeout")
		require.NotContains(t, err.Error(), "\n")
		require.Equal(t, Timeout, time.Since(began))
		y.requireNothing(t)
		_ = nc.Close()

		var c command
		nc, ended = serve()
		l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Pin: boxPin(), First: c.first})
		require.NoError(t, err, "who knows the key is let in as before")
		r := <-ended
		require.NoError(t, r.err)
		l.Abort(context.Canceled)
		r.l.Abort(context.Canceled)
		_, _ = l.Wait(), r.l.Wait()
	})
}

func TestSem46_TheClientLeavesForeignersInTimeAndSaysWhatToDo(t *testing.T) {
	tlsWith := func(change func(*tls.Config)) func(net.Conn) {
		return func(nc net.Conn) {
			c := &tls.Config{Certificates: []tls.Certificate{boxID().cert}, NextProtos: []string{alpn}}
			change(c)
			_, _ = io.Copy(io.Discard, tls.Server(nc, c))
		}
	}
	says := func(b string) func(net.Conn) {
		return func(nc net.Conn) { _, _ = io.WriteString(nc, b); _, _ = io.Copy(io.Discard, nc) }
	}
	inside := func(do func(k *talker, m1 []byte)) func(net.Conn) {
		return func(nc net.Conn) {
			if k, err := answer(nc, boxID()); err == nil {
				if m1, err := k.recv(); err == nil {
					do(k, m1)
				}
			}
		}
	}
	m2 := func(version byte) func(k *talker, m1 []byte) {
		return func(k *talker, m1 []byte) {
			b, _ := k.server(hmacauth.ServerConfig{}).M2(m1)
			b[frame.HeaderSize+5] = version
			_, _ = k.Write(b)
			_, _ = io.Copy(io.Discard, k)
		}
	}
	refused := func(code hmacauth.Refusal) func(k *talker, m1 []byte) {
		return func(k *talker, m1 []byte) { _, _ = k.Write(hmacauth.RefusedFrame(code)); _, _ = io.Copy(io.Discard, k) }
	}
	two := boxID().cert
	two.Certificate = [][]byte{two.Certificate[0], evilID().cert.Certificate[0]}
	for name, v := range map[string]struct {
		peer  func(net.Conn)
		stage Stage
		says  string
	}{
		"no ALPN":          {tlsWith(func(c *tls.Config) { c.NextProtos = nil }), StageChannel, `a TLS server answers there that does not speak rexec/1 (TLS carries protocol "", must be "rexec/1"): check the port`},
		"another ALPN":     {tlsWith(func(c *tls.Config) { c.NextProtos = []string{"h2"} }), StageChannel, `does not speak rexec/1 (remote error: tls: no application protocol): check the port`},
		"TLS 1.2":          {tlsWith(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), StageChannel, "does not speak rexec/1 (remote error: tls: protocol version not supported): check the port"},
		"two certificates": {tlsWith(func(c *tls.Config) { c.Certificates = []tls.Certificate{two} }), StageChannel, "2 certificates, must be one"},
		"HTTP":             {says("HTTP/1.1 400 Bad Request\r\n\r\n"), StageChannel, "an HTTP server answers there, not rexecd: check the port"},
		"SSH":              {says("SSH-2.0-OpenSSH_9.9\r\n"), StageChannel, "an ssh server answers there, not rexecd: check the port"},
		"SMTP":             {says("220 mail\x1b ESMTP\r\n"), StageChannel, `what answers there is not rexecd (it begins with "220 m"): check the port`},
		"control bytes":    {says("\x1b]0;x\x07..."), StageChannel, `it begins with "\x1b]0;x"`},
		"silence":          {says(""), StageChannel, "what answers there stays silent: check that the port is rexecd's"},
		"gone at once":     {func(net.Conn) {}, StageChannel, "the connection was closed at once: check that the port is rexecd's; if it is, the daemon is busy"},
		"reset at once":    {func(nc net.Conn) { _, _ = nc.Read(make([]byte, 1)); _ = nc.(*net.TCPConn).SetLinger(0) }, StageChannel, "the connection was closed at once"},
		"gone after TLS":   {func(nc net.Conn) { _, _ = answer(nc, boxID()) }, StageProof, "the daemon cut the connection during the proofs: try again"},
		"gone after M1":    {inside(func(*talker, []byte) {}), StageProof, "the daemon cut the connection during the proofs: try again"},
		"silent after M1":  {inside(func(k *talker, _ []byte) { _, _ = io.Copy(io.Discard, k) }), StageProof, "the daemon fell silent during the proofs: try again"},
		"half an M2": {inside(func(k *talker, m1 []byte) {
			b, _ := k.server(hmacauth.ServerConfig{}).M2(m1)
			_, _ = k.Write(b[:30])
			_, _ = io.Copy(io.Discard, k)
		}), StageProof, "the daemon fell silent during the proofs: try again"},
		"version 0":  {inside(m2(0)), StageProof, "the server chose 0, offered was 1"},
		"version 99": {inside(m2(99)), StageProof, "the server chose 99, offered was 1"},
		"a huge frame": {inside(func(k *talker, _ []byte) {
			_, _ = k.Write([]byte{0xff, 0, 0, 0, 2, 0, 0, 0})
			_, _ = io.Copy(io.Discard, k)
		}), StageProof, "before the proofs"},
		"M4 at once": {inside(func(k *talker, _ []byte) {
			_, _ = k.Write(append(frame.Header{Length: 60, Type: frame.TypeM4}.Append(nil), make([]byte, 60)...))
			_, _ = io.Copy(io.Discard, k)
		}), StageProof, "got M4"},
		"not admitted": {inside(refused(hmacauth.RefusalNotAdmitted)), StageProof, "refused: not admitted (the answer is not authenticated); compare the key id"},
		"busy":         {inside(refused(hmacauth.RefusalBusy)), StageProof, "refused: busy (the answer is not authenticated); try again in a moment"},
		"its version":  {inside(refused(hmacauth.RefusalVersion)), StageProof, "update the older of rexec and rexecd"},
	} {
		for _, pin := range [][]byte{nil, boxPin()} {
			t.Run(fmt.Sprintf("%s, pinned %t", name, pin != nil), func(t *testing.T) {
				t.Parallel()
				var c command
				check := func(t *testing.T, l *Link, err error) {
					require.Nil(t, l)
					ce := asClientError(t, err)
					require.Equal(t, v.stage, ce.Stage)
					require.Contains(t, ce.Error(), v.says)
					require.Zero(t, c.calls, "nothing was opened")
				}
				if !strings.Contains(v.says, "silent") {
					l, err := connect(t, fakeDaemon(t, v.peer), ClientConfig{Pin: pin, First: c.first})
					check(t, l, err)
					return
				}
				synctest.Test(t, func(t *testing.T) { // however slow the machine is, the daemon comes as far as it means to
					a, b := newWire(0, 1<<20)
					var peer sync.WaitGroup
					peer.Go(func() { defer b.Close(); v.peer(b) })
					began := time.Now()
					l, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey, Pin: pin, First: c.first})
					check(t, l, err)
					require.Equal(t, Timeout, time.Since(began))
					peer.Wait()
				})
			})
		}
	}
}

func TestSem46_SilenceAndOneByteASecondEndWithTheHandshakesTime(t *testing.T) {
	// drip lets through what a says to b at one byte a second.
	drip := func(a, b net.Conn) {
		p := make([]byte, 1)
		for {
			if _, err := a.Read(p); err != nil {
				return
			}
			time.Sleep(time.Second)
			if _, err := b.Write(p); err != nil {
				return
			}
		}
	}
	for name, between := range map[string]func(net.Conn, net.Conn){
		"silence":           func(net.Conn, net.Conn) {},
		"one byte a second": drip,
	} {
		for _, role := range []string{"client", "daemon"} {
			t.Run(role+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, nearA := newWire(0, 1<<20)
					nearB, b := newWire(0, 1<<20)
					var y tally
					var wg sync.WaitGroup
					// One side is under test with its own 10 s; the other has all the time there is.
					ours, theirs := Timeout, time.Hour
					cfg, scfg := ClientConfig{Credentials: adminKey, Timeout: ours}, serverConfig(&y)
					scfg.Timeout = theirs
					if role == "daemon" {
						cfg.Timeout, scfg.Timeout = theirs, ours
					}
					took := make(chan time.Duration, 1)
					began := time.Now()
					wg.Go(func() {
						l, err := Client(context.Background(), a, cfg)
						if l != nil || err == nil {
							panic("a link")
						}
						if role == "client" {
							took <- time.Since(began)
						}
					})
					wg.Go(func() {
						_, err := Server(context.Background(), b, scfg)
						if err == nil {
							panic("a link")
						}
						if role == "daemon" {
							took <- time.Since(began)
						}
					})
					wg.Go(func() { between(nearA, nearB) })
					wg.Go(func() { between(nearB, nearA) })
					require.Equal(t, Timeout, <-took)
					for _, w := range []*wire{a, b, nearA, nearB} {
						_ = w.Close()
					}
					wg.Wait()
				})
			})
		}
	}
}

func TestResumedTLSIsRefused(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}, ClientSessionCache: tls.NewLRUClientSessionCache(8), ServerName: "box"}
	for range 3 {
		k := tls.Client(dial(t, x.addr), cfg)
		require.NoError(t, k.Handshake())
		_ = k.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // a ticket would come now
		_, err := k.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.False(t, k.ConnectionState().DidResume, "the daemon gives no tickets")
		_ = k.Close()
		require.Error(t, x.next(t).err)
	}
	cs := tls.ConnectionState{Version: tls.VersionTLS13, NegotiatedProtocol: alpn}
	require.NoError(t, checkState(cs))
	cs.DidResume = true
	require.ErrorContains(t, checkState(cs), "resumed", "both sides ask")
}

func TestACanceledContextEndsTheHandshakeAtOnce(t *testing.T) {
	why := errors.New("the user gave up")
	for name, v := range map[string]struct {
		peer  func(nc net.Conn, cancel func()) // cancels once the client has come so far
		stage Stage
		hint  string
	}{
		"in TLS": {func(nc net.Conn, cancel func()) {
			if _, err := io.ReadFull(nc, make([]byte, 1)); err == nil {
				cancel()
			}
			_, _ = io.Copy(io.Discard, nc)
		}, StageChannel, why.Error()},
		"in the proof": {func(nc net.Conn, cancel func()) {
			k, _ := answer(nc, boxID())
			if _, err := k.recv(); err == nil {
				cancel()
			}
			_, _ = io.Copy(io.Discard, k)
		}, StageProof, why.Error()},
		"behind START": {func(nc net.Conn, cancel func()) {
			k, _ := answer(nc, boxID())
			m1, err := k.recv()
			if err != nil {
				return
			}
			m2, _ := k.server(hmacauth.ServerConfig{}).M2(m1)
			_, _ = k.Write(m2)
			if _, err := k.recv(); err == nil {
				cancel()
			}
			_, _ = io.Copy(io.Discard, k)
		}, StageUnknown, "the connection was lost after the command had been sent (the user gave up): whether it ran is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			canceled := make(chan time.Time, 1)
			addr := fakeDaemon(t, func(nc net.Conn) { v.peer(nc, func() { canceled <- time.Now(); cancel(why) }) })
			var c command
			l, err := Client(ctx, dial(t, addr), ClientConfig{Credentials: adminKey, Pin: boxPin(), First: c.first})
			require.Nil(t, l)
			require.ErrorIs(t, err, why)
			ce := asClientError(t, err)
			require.Equal(t, v.stage, ce.Stage)
			require.Equal(t, v.hint, ce.Error())
			require.Less(t, time.Since(<-canceled), Timeout/2)
			if c.stream != nil {
				_, _, err := c.stream.Recv(context.Background())
				require.ErrorIs(t, err, why, "what First opened ends with the reason")
			}
		})
	}
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		x := startBox(t, nil, nil, nil)
		_, err := Client(ctx, dial(t, x.addr), ClientConfig{Credentials: adminKey})
		require.ErrorIs(t, err, why)
	})
}

// A cancel may come at any moment, also when the link is just made; the outcome is a link or an error, never both, and
// nothing is left.
func TestACancelAtAnyMomentLeavesNothing(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	made := 0
	for i := range 60 {
		ctx, cancel := context.WithCancel(context.Background())
		nc := dial(t, x.addr)
		time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel)
		var c command
		l, err := Client(ctx, nc, ClientConfig{Credentials: adminKey, Pin: boxPin(), First: c.first})
		if err == nil {
			made++
			require.NoError(t, l.Context().Err())
			l.Close()
			require.NoError(t, l.Wait())
		} else {
			require.Nil(t, l)
			require.Error(t, context.Cause(ctx))
			_, werr := nc.Write([]byte("x"))
			require.ErrorIs(t, werr, net.ErrClosed)
		}
		cancel()
		x.end(x.next(t))
	}
	t.Logf("%d of 60 were faster", made)
}

func TestFirstsErrorEndsTheConnectionBeforeAnythingOfItWasSent(t *testing.T) {
	why := errors.New("no such thing")
	for _, pin := range [][]byte{nil, boxPin()} {
		x := startBox(t, nil, nil, nil)
		var c command
		l, err := connect(t, x.addr, ClientConfig{Pin: pin, First: func(m *mux.Conn) error {
			require.NoError(t, c.first(m))
			return why
		}})
		require.Nil(t, l)
		require.ErrorIs(t, err, why)
		require.Equal(t, StageProof, asClientError(t, err).Stage)
		require.Equal(t, 1, c.calls)
		if r := x.next(t); r.l != nil { // first contact: the daemon had said M4 by then
			require.Error(t, r.l.Wait())
		}
		require.Zero(t, x.opened.Load())
	}
}

func TestAnEmptyPinIsNoPinThatFits(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	_, err := connect(t, x.addr, ClientConfig{Pin: []byte{}})
	var pe *PinError
	require.ErrorAs(t, err, &pe)
	require.Error(t, x.next(t).err)
}
