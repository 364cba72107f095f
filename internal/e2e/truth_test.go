//go:build unix

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/faulty"
	"rexec/internal/policy"
	"rexec/internal/server"
)

// steady has a daemon, and who calls it by the Config that it gave, wait longer for each other than a busy machine makes
// them: for tests of something else.
func steady(change func(*server.Config)) func(*server.Config) {
	return func(c *server.Config) {
		c.HandshakeTimeout, c.Params = time.Minute, hmacauth.Params{}
		if change != nil {
			change(c)
		}
	}
}

// daemon serves on loopback until the test ends and says how to call it. It gives up after two seconds of silence.
func daemon(t *testing.T, change func(*server.Config)) client.Config {
	t.Helper()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(policy.Key{ID: "admin", Secret: secret}))
	cfg := server.Config{Names: []string{"box"}, HostKey: key, Ring: ring, Shell: "/bin/sh", Grace: time.Second,
		HandshakeTimeout: 2 * time.Second, RefuseAfter: -1, RefuseJitter: -1,
		Params: hmacauth.Params{PingSeconds: 1, PingCount: 1}}
	if change != nil {
		change(&cfg)
	}
	s, err := server.New(cfg)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	return client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: secret, Pin: pin, ConnectTimeout: cfg.HandshakeTimeout}
}

// tally counts how runs over a failing network came out.
type tally struct {
	mu            sync.Mutex
	whole, honest int
	lies          []string
}

// judge holds one run against the truth: success only with the whole output, anything else with a prefix of it.
func (c *tally) judge(what string, got, truth []byte, err error, took time.Duration, bound time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && bytes.Equal(got, truth):
		c.whole++
	case err == nil:
		c.lies = append(c.lies, fmt.Sprintf("%s: success with %d of %d bytes", what, len(got), len(truth)))
	case !bytes.HasPrefix(truth, got):
		c.lies = append(c.lies, fmt.Sprintf("%s: %d bytes that are no prefix of the output (%v)", what, len(got), err))
	case took > bound:
		c.lies = append(c.lies, fmt.Sprintf("%s: %v to find out, the bound is %v (%v)", what, took, bound, err))
	default:
		var exit *client.ExitError
		if errors.As(err, &exit) {
			c.lies = append(c.lies, fmt.Sprintf("%s: a result of the command's that is not its own: %v", what, err))
			return
		}
		c.honest++
	}
}

// trial runs one command through a proxy with a plan.
func trial(cfg client.Config, plan faulty.Plan, line string) (out []byte, took time.Duration, up, down int64, err error) {
	p, err := faulty.NewProxy(cfg.Address, func(int) faulty.Plan { return plan })
	if err != nil {
		return nil, 0, 0, 0, err
	}
	defer p.Close()
	cfg.Address = p.Addr()
	began := time.Now()
	c := client.New(cfg)
	var b bytes.Buffer
	cmd := c.Shell(context.Background(), line)
	cmd.Stdout = &b
	err = cmd.Run()
	took = time.Since(began)
	_ = c.Close()
	up, down = p.Passed()
	return b.Bytes(), took, up, down, err
}

// trials runs the line once for each plan, as many at a time as a small machine stands, and holds every run against the
// truth.
func trials(cfg client.Config, plans []faulty.Plan, line string, truth []byte) *tally {
	c := new(tally)
	ch := make(chan faulty.Plan)
	var wg sync.WaitGroup
	for range 24 * runtime.NumCPU() {
		wg.Go(func() {
			for p := range ch {
				got, took, _, _, err := trial(cfg, p, line)
				c.judge(fmt.Sprintf("%+v", p), got, truth, err, took, bound)
			}
		})
	}
	for _, p := range plans {
		ch <- p
	}
	close(ch)
	wg.Wait()
	return c
}

// bound is within what time a run must have come out: the handshake's or the keepalive's two seconds, times the slack of
// a busy machine.
const bound = 5 * 2 * 2 * time.Second

func truth(t *testing.T, cfg client.Config, line string) (out []byte, up, down int64) {
	t.Helper()
	out, _, up, down, err := trial(cfg, faulty.Plan{}, line)
	require.NoError(t, err)
	return out, up, down
}

func (c *tally) report(t *testing.T, what string) {
	t.Helper()
	t.Logf("%-44s %6d whole %6d honest failures %4d lies", what, c.whole, c.honest, len(c.lies))
	for i, l := range c.lies {
		if i == 20 {
			break
		}
		t.Error(l)
	}
}

// seeds is how many random offsets are tried; the nightly run asks for more.
func seeds(t *testing.T, n int) int {
	if s := os.Getenv("REXEC_SEEDS"); s != "" {
		v, err := strconv.Atoi(s)
		require.NoError(t, err)
		return v
	}
	return n
}

const smallOutput = `printf 'line of output %d\n' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30`

func TestSem05_CutAtEveryByteOfASmallSessionIsNeverSuccessWithLess(t *testing.T) {
	cfg := daemon(t, nil)
	out, up, down := truth(t, cfg, smallOutput)
	var plans []faulty.Plan
	for n := int64(1); n <= down+64; n++ {
		plans = append(plans, faulty.Plan{Down: faulty.Fault{Cut: n, Reset: n%2 == 0}})
	}
	for n := int64(1); n <= up+64; n++ {
		plans = append(plans, faulty.Plan{Up: faulty.Fault{Cut: n, Reset: n%2 == 0}})
	}
	c := trials(cfg, plans, smallOutput, out)
	c.report(t, fmt.Sprintf("cut at each of %d+%d offsets", down, up))
}

const largeOutput = `head -c 1048576 /dev/zero | tr '\0' 'x'`

func TestSem05_CutAnywhereInAMegabyteIsNeverSuccessWithLess(t *testing.T) {
	cfg := daemon(t, nil)
	out, _, down := truth(t, cfg, largeOutput)
	rng := rand.New(rand.NewPCG(5, 5))
	var plans []faulty.Plan
	for range seeds(t, 1000) {
		plans = append(plans, faulty.Plan{Down: faulty.Fault{Cut: 1 + rng.Int64N(down+100), Reset: rng.IntN(2) == 0}})
	}
	// Where a record of TLS ends, an end of the connection looks clean from below.
	for at := int64(0); at < down; at += 16384 + 22 {
		for _, d := range [...]int64{-1, 0, 1} {
			plans = append(plans, faulty.Plan{Down: faulty.Fault{Cut: max(1, at+d)}})
		}
	}
	c := trials(cfg, plans, largeOutput, out)
	c.report(t, fmt.Sprintf("cut at %d offsets of 1 MiB", len(plans)))
}

func TestSem06_OneBitFlippedAnywhereIsNeverAWrongByte(t *testing.T) {
	cfg := daemon(t, nil)
	out, up, down := truth(t, cfg, smallOutput)
	rng := rand.New(rand.NewPCG(6, 6))
	var plans []faulty.Plan
	for range seeds(t, 1000) {
		plans = append(plans,
			faulty.Plan{Down: faulty.Fault{Flip: 1 + rng.Int64N(down*8)}},
			faulty.Plan{Up: faulty.Fault{Flip: 1 + rng.Int64N(up*8)}})
	}
	c := trials(cfg, plans, smallOutput, out)
	c.report(t, fmt.Sprintf("one bit flipped, %d places", len(plans)))
}

func TestSem06_AStalledConnectionIsGivenUpWithinTheKeepalive(t *testing.T) {
	cfg := daemon(t, nil)
	out, up, down := truth(t, cfg, smallOutput)
	rng := rand.New(rand.NewPCG(7, 7))
	var plans []faulty.Plan
	for range seeds(t, 150) {
		plans = append(plans,
			faulty.Plan{Down: faulty.Fault{Stall: 1 + rng.Int64N(down)}},
			faulty.Plan{Up: faulty.Fault{Stall: 1 + rng.Int64N(up)}})
	}
	c := trials(cfg, plans, smallOutput, out)
	c.report(t, fmt.Sprintf("stalled at %d places", len(plans)))
}

func TestShortPiecesAndDelaysChangeNothing(t *testing.T) {
	cfg := daemon(t, steady(nil))
	out, _, _ := truth(t, cfg, smallOutput)
	var plans []faulty.Plan
	for seed := range uint64(20) {
		f := faulty.Fault{Seed: seed + 1, Short: true, Delay: time.Millisecond}
		plans = append(plans, faulty.Plan{Up: f, Down: f})
	}
	c := trials(cfg, plans, smallOutput, out)
	c.report(t, "short pieces and delays")
	require.Equal(t, len(plans), c.whole)
}
