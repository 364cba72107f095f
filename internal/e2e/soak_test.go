//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/faulty"
)

// soak is what is on at the same time.
type soak struct {
	t     *testing.T
	p     *program
	proxy *faulty.Proxy
	until time.Time

	mu     sync.Mutex
	logs   string         // of the daemons that are gone
	counts map[string]int // how commands ended, and what was killed
	lies   []string
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *soak) lie(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lies = append(s.lies, fmt.Sprintf(format, args...))
}

// errand is a command whose whole output and code are known before.
type errand struct {
	line string
	out  []byte
	code int
}

func newErrand(rng *rand.Rand) errand {
	e := errand{code: []int{0, 0, 7, 44}[rng.IntN(4)]}
	switch n := 1 + rng.IntN(4); rng.IntN(4) {
	case 0: // a little at a time, with a child each time
		e.line = fmt.Sprintf(`i=0; while [ $i -lt %d ]; do i=$((i+1)); echo "line $i of it"; sleep 0.1; done; exit %d`, 5*n, e.code)
		for i := range 5 * n {
			e.out = fmt.Appendf(e.out, "line %d of it\n", i+1)
		}
	case 1: // much at once
		e.line = fmt.Sprintf(`head -c %d /dev/zero; exit %d`, n*300000, e.code)
		e.out = make([]byte, n*300000)
	case 2: // a tree that is waited for
		e.line = fmt.Sprintf(`(sleep 0.%d; echo one) & sh -c 'sleep 0.1; echo two >&2'; wait; echo three; exit %d`, n, e.code)
		e.out = []byte("one\nthree\n")
	case 3: // one that leaves the session, with nothing of the command's
		e.line = fmt.Sprintf(`echo begun; setsid sleep 0.5 >/dev/null 2>&1 </dev/null & sleep 0.%d; echo done; exit %d`, n, e.code)
		e.out = []byte("begun\ndone\n")
	}
	return e
}

// judge holds a result against the truth. kind is 0 where no verdict came.
func (s *soak) judge(how string, e errand, kind frame.Kind, code int, got []byte) {
	switch {
	case kind == frame.Exited && code == e.code && bytes.Equal(got, e.out):
		s.count(how + ": whole")
	case kind == frame.Exited:
		s.lie("%s: code %d and %d bytes instead of %d and %d: %q", how, code, len(got), e.code, len(e.out), e.line)
	case !bytes.HasPrefix(e.out, got):
		s.lie("%s: %d bytes that are no prefix: %q", how, len(got), e.line)
	case kind == frame.Signaled:
		s.count(how + ": told that it was killed")
	case kind != 0:
		s.count(how + ": told that it was ended")
	default:
		s.count(how + ": outcome unknown")
	}
}

// api is one command by the Go API.
// It reports whether the connection is worth another.
func (s *soak) api(c *client.Client, rng *rand.Rand) bool {
	e := newErrand(rng)
	var out bytes.Buffer
	cmd := c.Shell(context.Background(), e.line)
	cmd.Stdout = &out
	err := cmd.Run()
	var exit *client.ExitError
	var unknown *client.UnknownError
	var connect *client.ConnectError
	switch {
	case err == nil:
		s.judge("api", e, frame.Exited, 0, out.Bytes())
	case errors.As(err, &exit):
		s.judge("api", e, exit.Result.Verdict.Kind, int(exit.Result.Verdict.Code), out.Bytes())
	case errors.As(err, &unknown):
		s.judge("api", e, 0, 0, out.Bytes())
	case errors.As(err, &connect):
		if out.Len() > 0 {
			s.lie("api: output without a connection: %v", err)
		}
		s.count("api: not started")
		time.Sleep(200 * time.Millisecond) // the daemon is about to come back
		return false
	default:
		s.lie("api: %v", err)
	}
	return unknown == nil
}

// program is one command by the program, which is sometimes killed.
func (s *soak) program(rng *rand.Rand, port string) {
	e := newErrand(rng)
	var out bytes.Buffer
	cmd := s.p.rexec("-p", port, "box", e.line)
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		s.lie("program: %v", err)
		return
	}
	if rng.IntN(4) == 0 {
		time.AfterFunc(time.Duration(rng.IntN(800))*time.Millisecond, func() {
			if cmd.Process.Kill() == nil {
				s.count("killed: client")
			}
		})
	}
	_ = cmd.Wait()
	switch code := cmd.ProcessState.ExitCode(); {
	case code == -1:
		s.judge("program", e, frame.Disconnected, 0, out.Bytes()) // it was killed, and what it wrote is a prefix
	case code == 255:
		s.judge("program", e, 0, 0, out.Bytes())
	case code == 137 || code == 143:
		s.judge("program", e, frame.Signaled, 0, out.Bytes())
	default:
		s.judge("program", e, frame.Exited, code, out.Bytes())
	}
}

// leaders are the processes of commands that lead their sessions. Whoever kills others changes what a shell does next.
func (s *soak) leaders() (pids []int) {
	for _, pid := range s.p.tree() {
		if sid, _, err := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0); err == 0 && int(sid) == pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestSoakUnderRandomKillsNoResultIsWrongAndNothingIsLeft(t *testing.T) {
	long, atOnce := 15*time.Second, 200
	if os.Getenv("REXEC_E2E") == "all" {
		long = 2 * time.Minute
	}
	seed := uint64(1)
	if text := os.Getenv("REXEC_SOAK_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	// Whoever lost a connection comes again at once; what it had may still be dying.
	p := start(t, "sessions = 4000", "sessions_per_key = 4000")
	require.Zero(t, p.run(p.rexec("box", "true"), "").code)
	rng := rand.New(rand.NewPCG(seed, 0))
	proxy, err := faulty.NewProxy(fmt.Sprintf("127.0.0.1:%d", p.port), func(n int) faulty.Plan {
		r := rand.New(rand.NewPCG(seed, uint64(n)+1))
		if r.IntN(4) != 0 {
			return faulty.Plan{}
		}
		f := faulty.Fault{Cut: 1 + r.Int64N(1<<uint(10+r.IntN(12))), Reset: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			return faulty.Plan{Up: f}
		}
		return faulty.Plan{Down: f}
	})
	require.NoError(t, err)
	port := proxy.Addr()[strings.LastIndexByte(proxy.Addr(), ':')+1:]
	s := &soak{t: t, p: p, proxy: proxy, until: time.Now().Add(long), counts: map[string]int{}}
	cfg := p.dial()
	cfg.Address = proxy.Addr()
	cfg.ConnectTimeout = 20 * time.Second // the machine is fully used

	var work sync.WaitGroup
	for i := range atOnce {
		r := rand.New(rand.NewPCG(seed, 1<<32+uint64(i)))
		work.Go(func() {
			for time.Now().Before(s.until) {
				if i%10 == 0 { // processes are dear
					s.program(r, port)
					continue
				}
				c := client.New(cfg)
				for n := 1 + r.IntN(4); n > 0 && s.api(c, r); n-- {
				}
				_ = c.Close() // the error of a connection that was cut
				time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond)
			}
		})
	}
	for next := time.Now().Add(5 * time.Second); time.Now().Before(s.until); time.Sleep(50 * time.Millisecond) {
		if pids := s.leaders(); len(pids) > 0 && rng.IntN(2) == 0 {
			if syscall.Kill(pids[rng.IntN(len(pids))], syscall.SIGKILL) == nil {
				s.count("killed: command")
			}
		}
		switch {
		case rng.IntN(100) == 0:
			proxy.Cut()
			s.count("cut: all connections")
		case time.Now().After(next):
			s.logs += p.log.String()
			p.kill()
			p.serve()
			s.count("killed: daemon")
			next = time.Now().Add(5 * time.Second)
		}
	}
	work.Wait()
	proxy.Close()

	// Everything is back to the start.
	eventually(t, soon, func() bool { return len(p.tree()) == 0 }, "no process is left")
	p.nothingLeft()
	// A folder that became empty while there was no daemon is the next one's to remove, in a minute. One may be gone by now.
	for _, dir := range folders(s.logs) {
		eventually(t, soon, func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
			return err != nil || strings.Contains(string(b), "populated 0\n")
		}, "%s is empty", dir)
		if err := os.Chtimes(dir, time.Now(), time.Now().Add(-5*time.Minute)); !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
	}
	s.logs += p.log.String()
	p.stop()
	p.serve()
	assert.Empty(t, folders(s.logs), "cgroup folders")
	base, fds, threads := 0, 0, 0
	eventually(t, soon, func() bool {
		_, fds, threads = rss(t, p.daemon.Process.Pid)
		base = len(children(p.daemon.Process.Pid))
		return base == 0 && fds <= 16
	}, "descriptors and children are back: %v", lazy(func() any { return []int{fds, base} }))
	memory, _, _ := rss(t, p.daemon.Process.Pid)
	assert.LessOrEqual(t, threads, 64)
	assert.Equal(t, outcome{stdout: "still here\n"}, p.run(p.rexec("box", "echo still here"), ""))

	names := make([]string, 0, len(s.counts))
	for name := range s.counts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Logf("%-40s %7d", name, s.counts[name])
	}
	t.Logf("%-40s %7d", "lies", len(s.lies))
	t.Logf("at the end the daemon has %d descriptors, %d threads, %.1f MiB", fds, threads, float64(memory)/(1<<20))
	for i, l := range s.lies {
		if i == 20 {
			break
		}
		t.Error(l)
	}
	assert.Positive(t, s.counts["api: whole"])
	assert.Positive(t, s.counts["program: whole"])
	assert.Positive(t, s.counts["killed: daemon"])
}
