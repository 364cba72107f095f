package fleet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/server"
)

// lab is hosts that are all one daemon in this process, named h01, h02, ...
func lab(t *testing.T, n int, change ...func(*server.Config)) []Host {
	t.Helper()
	before := goleak.IgnoreCurrent()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(policy.Key{ID: "admin", Secret: secret}))
	cfg := server.Config{Names: []string{"box"}, HostKey: key, Ring: ring, Shell: "/bin/sh", Grace: time.Second}
	for _, c := range change {
		c(&cfg)
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
		left := goleak.Find(before)
		for end := time.Now().Add(20 * time.Second); left != nil && time.Now().Before(end); { // it waits for half a second only
			left = goleak.Find(before)
		}
		require.NoError(t, left)
	})
	hosts := make([]Host, n)
	for i := range hosts {
		hosts[i] = Host{Name: fmt.Sprintf("h%02d", i+1), Number: strconv.Itoa(i + 1), Index: i,
			Config: client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: secret, Pin: pin}}
	}
	return hosts
}

// line is a Run's Command: a shell line.
func line(text string) func(context.Context, *client.Client, Host) *client.Cmd {
	return func(ctx context.Context, c *client.Client, _ Host) *client.Cmd { return c.Shell(ctx, text) }
}

// until is a shell's wait for a file, of half a minute at most.
func until(path string) string {
	return "i=0; while [ ! -e '" + path + "' ] && [ $((i+=1)) -lt 600 ]; do sleep 0.05; done"
}

// makeFile makes the file that a command waits for.
func makeFile(t *testing.T, path string) {
	assert.NoError(t, os.WriteFile(path, nil, 0o600))
}

// onlyLosing has these hosts lose their place in the window at once if they say nothing, and the others never: how fast
// they are on a busy machine is not what a test is about.
func onlyLosing(hosts ...int) func(int) (time.Duration, time.Duration) {
	return func(i int) (kernel, daemon time.Duration) {
		if slices.Contains(hosts, i) {
			return 10 * time.Millisecond, 10 * time.Millisecond
		}
		return time.Hour, time.Hour
	}
}

// stand is how things stand for the conductor.
func (p *Progress) stand() Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// recorder is a View that keeps everything.
type recorder struct {
	mu      sync.Mutex
	out     map[string]*bytes.Buffer
	err     map[string]*bytes.Buffer
	results []Result
	running int
	most    int // hosts that ran at the same time
	started func(Host)
}

func newRecorder() *recorder {
	return &recorder{out: map[string]*bytes.Buffer{}, err: map[string]*bytes.Buffer{}}
}

func (r *recorder) Started(h Host, _ *frame.Started) (stdout, stderr Sink) {
	r.mu.Lock()
	r.running++
	r.most = max(r.most, r.running)
	out, err := &bytes.Buffer{}, &bytes.Buffer{}
	r.out[h.Name], r.err[h.Name] = out, err
	r.mu.Unlock()
	if r.started != nil {
		r.started(h)
	}
	return recorded{&r.mu, out}, recorded{&r.mu, err}
}

func (r *recorder) Ended(res Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if res.Status.Session != "" {
		r.running--
	}
	r.results = append(r.results, res)
}

type recorded struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (r recorded) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (recorded) End() error { return nil }

// statesOf are the hosts by state.
func statesOf(results []Result) map[State]string {
	by := map[State]string{}
	for _, s := range states {
		if names := named(results, s); len(names) > 0 {
			by[s] = fold(names)
		}
	}
	return by
}

// silent is a dial that never gets an answer, and says when it began.
func silent(began chan<- string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if began != nil {
			began <- address
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}
