//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/faulty"
)

// ordinary are commands as people run them. signal is sent once the first output is there.
var ordinary = []struct {
	name, line, signal string
	stdin              int // bytes
}{
	{name: "nothing", line: "true"},
	{name: "exit code", line: "exit 44"},
	{name: "death", line: "kill -SEGV $$"},
	{name: "output", line: "seq 1 1500"},
	{name: "errors", line: "seq 1 1500 >&2; exit 3"},
	{name: "both outputs", line: "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo out $i; echo err $i >&2; done; exit 1"},
	{name: "upload", line: "sha256sum", stdin: 9001},
	{name: "there and back", line: "cat", stdin: 7777},
	{name: "input not wanted", line: "exec <&-; echo done", stdin: 9000},
	{name: "half of the input", line: "head -c 1000 | cksum; exit 5", stdin: 9000},
	{name: "signal that is handled", line: "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.02; done", signal: "TERM"},
	{name: "signal that is not", line: "echo ready; exec sleep 300", signal: "INT"},
	{name: "outputs closed", line: "exec >&- 2>&-; exit 44"},
	{name: "not found", line: "/nonexistent/program"},
}

// said is all that a client learns of a command.
type said struct {
	stdout, stderr string // in hashes where they are long
	kind           frame.Kind
	code           int64
	signal         string
	err            string
}

// firstByte is a buffer that tells when something came.
type firstByte struct {
	syncBuffer
	came chan struct{}
	told bool
}

func (f *firstByte) Write(p []byte) (int, error) {
	if !f.told {
		f.told = true
		close(f.came)
	}
	return f.syncBuffer.Write(p)
}

func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%d bytes, %x", len(s), sha256.Sum256([]byte(s)))
	}
	return s
}

func runOrdinary(c *client.Client, line, signal string, stdin []byte) said {
	out, errs := firstByte{came: make(chan struct{})}, syncBuffer{}
	cmd := c.Shell(context.Background(), line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if err := cmd.Start(); err != nil {
		return said{err: err.Error()}
	}
	if signal != "" {
		select {
		case <-out.came:
			_ = cmd.Signal(signal)
		case <-cmd.Done():
		}
	}
	err := cmd.Wait()
	v := cmd.Result().Verdict
	s := said{stdout: short(out.String()), stderr: short(errs.String()), kind: v.Kind, code: v.Code, signal: v.Signal}
	var exit *client.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.err = err.Error()
	}
	// Shells name the signal that a command of theirs died of, and which one was hit is chance.
	if signal != "" {
		s.stderr = ""
	}
	return s
}

// The whole list over a network that gives little at a time and late must come out as over one that does not.
func TestSem05_OrdinaryCommandsOverABadNetworkAreAsOverAGoodOne(t *testing.T) {
	cfg := daemon(t, steady(nil)) // also: a ping may wait behind what the proxy's buffers hold
	input := make([]byte, 10000)
	rng := rand.NewChaCha8([32]byte{5})
	_, _ = rng.Read(input)
	stdin := func(n int) []byte {
		if n == 0 {
			return nil
		}
		return input[:n]
	}
	direct := client.New(cfg)
	defer direct.Close()
	want := map[string]said{}
	for _, o := range ordinary {
		want[o.name] = runOrdinary(direct, o.line, o.signal, stdin(o.stdin))
		require.Empty(t, want[o.name].err, o.name)
		require.NotZero(t, want[o.name].kind, o.name)
	}
	require.Contains(t, want["upload"].stdout, fmt.Sprintf("%x", sha256.Sum256(input[:9001])))
	require.Equal(t, "ready\ngot\n", want["signal that is handled"].stdout)
	require.Equal(t, "INT", want["signal that is not"].signal)

	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(seeds(t, 4)) {
			for _, shared := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d, shared %v", seed, shared), func(t *testing.T) {
					t.Parallel()
					f := faulty.Fault{Seed: seed + 1, Short: true, Delay: 50 * time.Microsecond}
					proxy, err := faulty.NewProxy(cfg.Address, func(n int) faulty.Plan {
						up, down := f, f
						up.Seed += uint64(n) * 1000
						down.Seed += uint64(n)*1000 + 500
						return faulty.Plan{Up: up, Down: down}
					})
					require.NoError(t, err)
					defer proxy.Close()
					bad := cfg
					bad.Address = proxy.Addr()
					c := client.New(bad)
					defer func() { _ = c.Close() }()
					got := make(chan struct{})
					for _, o := range ordinary {
						one := c
						if !shared {
							one = client.New(bad)
						}
						go func() {
							defer func() { got <- struct{}{} }()
							assert.Equal(t, want[o.name], runOrdinary(one, o.line, o.signal, stdin(o.stdin)), o.name)
							if !shared {
								_ = one.Close()
							}
						}()
					}
					for range ordinary {
						<-got
					}
				})
			}
		}
	})
}

// The same list over the two programs: what a shell sees.
func TestOrdinaryCommandsOverABadNetworkByTheProgram(t *testing.T) {
	p := start(t)
	for seed := range uint64(seeds(t, 1)) {
		f := faulty.Fault{Seed: seed + 1, Short: true, Delay: 50 * time.Microsecond}
		proxy, err := faulty.NewProxy(fmt.Sprintf("127.0.0.1:%d", p.port), func(int) faulty.Plan { return faulty.Plan{Up: f, Down: f} })
		require.NoError(t, err)
		port := proxy.Addr()[strings.LastIndexByte(proxy.Addr(), ':')+1:]
		for _, o := range ordinary {
			if o.signal != "" {
				continue
			}
			input := strings.Repeat("0123456789abcde\n", o.stdin/16)
			want := p.run(p.rexec("box", o.line), input)
			got := p.run(p.rexec("-p", port, "box", o.line), input)
			assert.Equal(t, want, got, o.name)
		}
		proxy.Close()
	}
	p.nothingLeft()
}
