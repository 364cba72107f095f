package session

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rexec/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var sessionID = bytes.Repeat([]byte{7}, 16)

const window = 64 << 10

// buffer is a writer for one goroutine and a reader for another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// daemon is Serve at one end of a wire, around p.
type daemon struct {
	w       *wire
	p       *proc
	start   frame.Start // as Config.Start got it
	ended   []frame.Verdict
	verdict frame.Verdict
	done    chan struct{}
	cancel  context.CancelCauseFunc
}

// serve runs Serve on w; script is the leader and runs in a goroutine of its own.
func serve(t *testing.T, w *wire, p *proc, cfg Config, script func(p *proc)) *daemon {
	d := &daemon{w: w, p: p, done: make(chan struct{})}
	var leader sync.WaitGroup
	ctx, cancel := context.WithCancelCause(t.Context())
	d.cancel = cancel
	if cfg.Start == nil {
		cfg.Start = func(_ context.Context, s frame.Start) (Process, frame.Started, *Failure) {
			d.start = s
			p.terminal = s.Terminal != nil
			if s.NoStdin {
				p.in.Close()
			}
			if script != nil {
				leader.Go(func() { script(p) })
			}
			return p, frame.Started{Session: sessionID, Pid: int64(p.Pid())}, nil
		}
	}
	cfg.Ended = func(v frame.Verdict) { d.ended = append(d.ended, v) }
	go func() {
		defer close(d.done)
		d.verdict = Serve(ctx, w.daemon, cfg)
		leader.Wait()
	}()
	return d
}

// run is both ends of one command to its end.
func run(t *testing.T, s frame.Start, io IO, script func(p *proc)) (Result, *daemon, error) {
	t.Helper()
	w := newWire(window)
	d := serve(t, w, newProc(t), Config{}, script)
	c, err := Start(t.Context(), w.client, s, io)
	require.NoError(t, err)
	r, err := c.Wait()
	<-d.done
	return r, d, err
}

// must is run of a command whose result is believed.
func must(t *testing.T, s frame.Start, io IO, script func(p *proc)) (Result, *daemon) {
	t.Helper()
	r, d, err := run(t, s, io, script)
	require.NoError(t, err)
	require.Equal(t, d.verdict, r.Verdict, "both ends know the same verdict")
	require.Equal(t, []frame.Verdict{r.Verdict}, d.ended, "the audit hears it once")
	require.True(t, d.p.released.Load())
	return r, d
}

// begin is both ends of one command, still running.
func begin(t *testing.T, ctx context.Context, s frame.Start, io IO, cfg Config, p *proc, script func(p *proc)) (*Client, *daemon) {
	t.Helper()
	w := newWire(window)
	d := serve(t, w, p, cfg, script)
	c, err := Start(ctx, w.client, s, io)
	require.NoError(t, err)
	return c, d
}

// never blocks every Read until the test lets it go.
type never struct{ gone chan struct{} }

func newNever(t *testing.T) never { return never{make(chan struct{})} }

func (n never) Read([]byte) (int, error) { <-n.gone; return 0, io.EOF }

// slow is a writer that takes nothing before open.
type slow struct {
	open chan struct{}
	buffer
}

func newSlow() *slow { return &slow{open: make(chan struct{})} }

func (s *slow) Write(p []byte) (int, error) { <-s.open; return s.buffer.Write(p) }
