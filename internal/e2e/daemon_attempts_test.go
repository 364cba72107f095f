//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/server"
)

func TestSem47_BadAttemptsFromManySourcesAdmitNobodyAndCostNothing(t *testing.T) {
	attempts := 2000
	if os.Getenv("REXEC_E2E") == "all" {
		attempts = 100_000
	}
	var d *server.Server
	good := daemonServer(t, func(c *server.Config) { c.RefuseAfter, c.RefuseJitter = 0, 0 }, func(s *server.Server) { d = s })
	control := daemonServer(t, func(*server.Config) {}, func(*server.Server) {})
	for _, cfg := range []client.Config{good, control} {
		answersIn(t, cfg)
	}
	before := heap()

	var wg sync.WaitGroup
	var next, admitted, wrong, busy, closed atomic.Int64
	began := time.Now()
	for range 64 {
		wg.Go(func() {
			for {
				n := int(next.Add(1))
				if n > attempts {
					return
				}
				bad := good
				bad.Secret = hmacauth.NewSecret()
				dial := func() (net.Conn, error) { return from(fmt.Sprintf("127.1.0.%d", 1+n%100), good.Address) }
				do := attempt
				if n%100 == 0 { // the real thing, which costs five times as much
					do = dialled
				}
				err := do(dial, bad)
				var refused *hmacauth.RefusedError
				switch {
				case err == nil:
					admitted.Add(1)
				case !errors.As(err, &refused):
					closed.Add(1)
				case refused.Code == hmacauth.RefusalBusy:
					busy.Add(1)
				default:
					wrong.Add(1)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	var worst, usual time.Duration
	for runs := 0; ; runs++ {
		select {
		case <-over:
			s := d.Status()
			after := heap()
			t.Logf("%d attempts in %v: %d wrong proofs, %d told busy, %d closed, %d of them shut out; heap %+d KiB; the good client: %d times, most %v, and %v where nobody attacks",
				attempts, time.Since(began).Round(time.Millisecond), wrong.Load(), busy.Load(), closed.Load(), s.ShutOut, (int64(after)-int64(before))>>10, runs, worst, usual)
			assert.Zero(t, admitted.Load())
			assert.Positive(t, wrong.Load())
			assert.Positive(t, s.ShutOut)
			assert.Less(t, int64(after)-int64(before), int64(32<<20))
			assert.Less(t, worst, slack*max(500*time.Millisecond, usual))
			assert.Positive(t, runs)
			return
		case <-time.After(50 * time.Millisecond): // the processor's time is the attackers'
		}
		worst, usual = max(worst, answersIn(t, good)), max(usual, answersIn(t, control))
	}
}

// answersIn is how long a client of its own and one command take. What it takes at a daemon that nobody disturbs, on the
// same machine at the same time, is what a busy machine adds.
func answersIn(t *testing.T, cfg client.Config) time.Duration {
	t.Helper()
	began := time.Now()
	c := client.New(cfg)
	out, err := c.Shell(t.Context(), "echo ok").Output()
	took := time.Since(began)
	require.NoError(t, err)
	require.Equal(t, "ok\n", string(out))
	_ = c.Close()
	return took
}

// dialled is an attempt of the client itself.
func dialled(dial func() (net.Conn, error), cfg client.Config) error {
	cfg.Dial = func(context.Context, string) (net.Conn, error) { return dial() }
	c, err := client.Dial(context.Background(), cfg)
	if err == nil {
		_ = c.Close()
	}
	return err
}

// attempt is one that costs the attacker little: the cheapest key exchange that TLS 1.3 takes, no certificate looked at.
// nil: it was admitted.
func attempt(dial func() (net.Conn, error), cfg client.Config) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	ch := channel(c, func(t *tls.Config) { t.CurvePreferences = []tls.CurveID{tls.CurveP256} })
	if err := ch.Handshake(); err != nil {
		return err
	}
	cs := ch.ConnectionState()
	b := hmacauth.Binding{Cert: sha256.Sum256(cs.PeerCertificates[0].Raw)}
	e, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, len(b.Exporter))
	if err != nil {
		return err
	}
	copy(b.Exporter[:], e)
	hs, err := hmacauth.NewClient(b, hmacauth.Credentials{KeyID: cfg.KeyID, ServerID: cfg.ServerID, Secret: cfg.Secret})
	if err != nil {
		return err
	}
	m2, err := answerTo(ch, hs.M1())
	if err != nil {
		return err
	}
	m3, err := hs.M3(m2)
	if err != nil {
		return err
	}
	m4, err := answerTo(ch, m3)
	if err != nil {
		return err
	}
	_, err = hs.Finish(m4)
	return err
}

// answerTo sends a frame and gives the next that comes.
func answerTo(c net.Conn, what []byte) ([]byte, error) {
	if _, err := c.Write(what); err != nil {
		return nil, err
	}
	head := make([]byte, frame.HeaderSize)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	whole := append(head, make([]byte, frame.ParseHeader(head).Length)...)
	_, err := io.ReadFull(c, whole[frame.HeaderSize:])
	return whole, err
}

func TestTheCheapAttemptIsAdmittedWithTheRightSecret(t *testing.T) {
	good := daemonServer(t, func(*server.Config) {}, func(*server.Server) {})
	require.NoError(t, attempt(func() (net.Conn, error) { return from("127.1.0.1", good.Address) }, good))
}
