package link

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far beyond what anything here takes on a busy machine.
const patience = 20 * time.Second

var (
	boxID    = sync.OnceValue(makeIdentity) // the daemon's
	evilID   = sync.OnceValue(makeIdentity) // somebody else's
	secret   = hmacauth.NewSecret()
	adminKey = hmacauth.Credentials{KeyID: "admin", ServerID: "box", Secret: secret}
)

func makeIdentity() *Identity {
	pem, err := NewIdentity("box")
	if err != nil {
		panic(err)
	}
	id, err := ParseIdentity(pem)
	if err != nil {
		panic(err)
	}
	return id
}

func boxPin() []byte { p := boxID().Pin(); return p[:] }

func ring(id string) (current, next hmacauth.Secret) {
	if id == "admin" {
		return secret, next
	}
	return current, next
}

// tally counts what must not happen to a daemon that refuses.
type tally struct{ links, opened atomic.Int32 }

func (y *tally) requireNothing(t *testing.T) {
	t.Helper()
	require.Zero(t, y.links.Load(), "links made")
	require.Zero(t, y.opened.Load(), "streams judged")
}

func serverConfig(y *tally) ServerConfig {
	return ServerConfig{
		Identity: boxID(),
		Auth:     hmacauth.ServerConfig{ServerIDs: []string{"box"}, Lookup: ring},
		Accept:   func(string) *frame.StreamError { y.opened.Add(1); return nil },
		// Fast, for the tests that do not measure it.
		RefuseAfter: -1, RefuseJitter: -1,
	}
}

// box is a daemon on loopback.
type box struct {
	tally
	addr    string
	results chan served // every connection's
	conns   sync.WaitGroup
}

type served struct {
	l   *Link
	err error
}

// startBox serves until the test ends. wrap may stand between the socket and the link; each link goes to serve, if
// there is one, in the connection's goroutine.
func startBox(t testing.TB, change func(*ServerConfig), wrap func(net.Conn) net.Conn, serve func(*Link)) *box {
	t.Helper()
	x := &box{results: make(chan served, 1000)}
	cfg := serverConfig(&x.tally)
	if change != nil {
		change(&cfg)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	x.addr = ln.Addr().String()
	x.conns.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if wrap != nil {
				nc = wrap(nc)
			}
			x.conns.Go(func() {
				l, err := Server(context.Background(), nc, cfg)
				if err == nil {
					x.links.Add(1)
				}
				x.results <- served{l, err}
				if err == nil && serve != nil {
					serve(l)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		for {
			select {
			case r := <-x.results:
				x.end(r)
			case <-x.idle():
				for len(x.results) > 0 {
					x.end(<-x.results)
				}
				return
			}
		}
	})
	return x
}

func (x *box) end(r served) {
	if r.l != nil {
		r.l.Abort(context.Canceled)
		_ = r.l.Wait()
	}
}

func (x *box) idle() <-chan struct{} {
	done := make(chan struct{})
	go func() { x.conns.Wait(); close(done) }()
	return done
}

// next is the outcome of the next connection. Its link ends with the test.
func (x *box) next(t testing.TB) served {
	t.Helper()
	select {
	case r := <-x.results:
		t.Cleanup(func() { x.end(r) })
		return r
	case <-time.After(patience):
		require.FailNow(t, "the daemon did not come to an end with the connection")
		return served{}
	}
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// connect makes a client's link that ends with the test.
func connect(t testing.TB, addr string, cfg ClientConfig) (*Link, error) {
	t.Helper()
	if cfg.Credentials.KeyID == "" {
		cfg.Credentials = adminKey
	}
	l, err := Client(context.Background(), dial(t, addr), cfg)
	if l != nil {
		t.Cleanup(func() { l.Abort(context.Canceled); _ = l.Wait() })
	}
	return l, err
}

// mustConnect is a pair of links.
func mustConnect(t testing.TB, x *box, cfg ClientConfig) (client, daemon *Link) {
	t.Helper()
	c, err := connect(t, x.addr, cfg)
	require.NoError(t, err)
	r := x.next(t)
	require.NoError(t, r.err)
	return c, r.l
}

// command is what a client's First does, and the stream it opened.
type command struct {
	calls  int
	stream *mux.Stream
	line   string
}

func (c *command) first(m *mux.Conn) (err error) {
	c.calls++
	if c.stream, err = m.Open(frame.KindExec, [2]uint64{1 << 18, 1 << 18}, false); err != nil {
		return err
	}
	return c.stream.Send(frame.TypeStart, frame.Start{Line: "x" + c.line}.Append(nil))
}

// earlyBytes is what a client sends behind M3.
func earlyBytes(t testing.TB, c *command) []byte {
	t.Helper()
	m := mux.New(mux.Config{Role: mux.Client})
	defer m.Close()
	require.NoError(t, c.first(m))
	b := m.TakeQueued(1 << 20)
	require.NotEmpty(t, b)
	return b
}

// asClientError is err as what it must be, with a hint or text of one line.
func asClientError(t testing.TB, err error) *ClientError {
	t.Helper()
	var ce *ClientError
	require.ErrorAs(t, err, &ce)
	require.NotEmpty(t, ce.Error())
	require.NotContains(t, ce.Error(), "\n")
	return ce
}

// talker speaks frames over a TLS of its own: a peer that does what it likes.
type talker struct {
	*tls.Conn
	r   *bufio.Reader
	pin [32]byte // of the daemon
}

// greet is a hostile client's beginning: any TLS 1.3 with our protocol.
func greet(nc net.Conn) (*talker, error) {
	k := &talker{Conn: tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}, MinVersion: tls.VersionTLS13})}
	if err := k.Handshake(); err != nil {
		return nil, err
	}
	k.r = bufio.NewReader(k.Conn)
	k.pin = sha256.Sum256(k.ConnectionState().PeerCertificates[0].Raw)
	return k, nil
}

func talk(t testing.TB, nc net.Conn) *talker {
	t.Helper()
	k, err := greet(nc)
	require.NoError(t, err)
	return k
}

// answer is a hostile daemon's beginning.
func answer(nc net.Conn, id *Identity) (*talker, error) {
	k := &talker{pin: id.Pin(), Conn: tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{id.cert},
		NextProtos: []string{alpn}, SessionTicketsDisabled: true})}
	k.r = bufio.NewReader(k.Conn)
	return k, k.Handshake()
}

func (k *talker) recv() ([]byte, error) { return readFrame(k.r) }

// binding is written anew, so that the package's own is measured against it: DESIGN 3.3's E and C.
func (k *talker) binding() (b hmacauth.Binding) {
	cs := k.ConnectionState()
	e, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		panic(err)
	}
	b.Exporter, b.Cert = [32]byte(e), k.pin
	return b
}

func (k *talker) client(t testing.TB, cred hmacauth.Credentials) *hmacauth.Client {
	t.Helper()
	hs, err := hmacauth.NewClient(k.binding(), cred)
	require.NoError(t, err)
	return hs
}

func (k *talker) server(cfg hmacauth.ServerConfig) *hmacauth.Server {
	return hmacauth.NewServer(k.binding(), cfg)
}

// prove goes up to M3, which it returns unsent.
func (k *talker) prove(t testing.TB, cred hmacauth.Credentials) (hs *hmacauth.Client, m3 []byte) {
	t.Helper()
	hs = k.client(t, cred)
	_, err := k.Write(hs.M1())
	require.NoError(t, err)
	m2, err := k.recv()
	require.NoError(t, err)
	m3, err = hs.M3(m2)
	require.NoError(t, err)
	return hs, m3
}

// requireRefused reads REFUSED and the end of the connection.
func (k *talker) requireRefused(t testing.TB, code hmacauth.Refusal) {
	t.Helper()
	got, err := k.recv()
	require.NoError(t, err)
	require.Equal(t, hmacauth.RefusedFrame(code), got)
	_, err = k.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// fakeDaemon serves one connection with anything. What it does must end when the connection does.
func fakeDaemon(t testing.TB, do func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			_ = nc.SetDeadline(time.Now().Add(patience))
			wg.Go(func() { defer nc.Close(); do(nc) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}
