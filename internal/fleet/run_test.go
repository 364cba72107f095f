package fleet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
)

func TestEveryHostRunsAndIsJudgedByItself(t *testing.T) {
	v := newRecorder()
	r := Run{Hosts: lab(t, 12), Command: line("echo out %h; echo err %n >&2; exit $((%n % 3))"), View: v, Fanout: 4}
	results, die := r.Do(context.Background())
	assert.Nil(t, die)
	require.Len(t, results, 12)
	for i, res := range results {
		name := r.Hosts[i].Name
		assert.Equal(t, name, res.Host.Name, "in the order of Hosts")
		assert.Equal(t, "out "+name+"\n", v.out[name].String())
		assert.Equal(t, "err "+strings.TrimLeft(name[1:], "0")+"\n", v.err[name].String())
		assert.Equal(t, (i+1)%3, res.Code)
		assert.Equal(t, int64(res.Code), *res.Status.Code)
	}
	assert.Equal(t, map[State]string{OK: "h[03,06,09,12]", Failed: "h[01-02,04-05,07-08,10-11]"}, statesOf(results))
	assert.LessOrEqual(t, v.most, 4)
	assert.Len(t, v.results, 12)
}

func TestTheWindowIsNeverWiderThanAsked(t *testing.T) {
	var now, most atomic.Int32
	hosts := lab(t, 30)
	for i := range hosts { // counted from the dial on, not only while a command runs
		hosts[i].Config.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	v := &endings{recorder: newRecorder(), ended: func() { now.Add(-1) }}
	r := Run{Hosts: hosts, Command: line("true"), View: v, Fanout: 3, patience: onlyLosing()}
	results, _ := r.Do(context.Background())
	assert.Equal(t, 0, ExitCode(results, false))
	assert.LessOrEqual(t, most.Load(), int32(3))
	assert.Equal(t, int32(3), most.Load(), "and not narrower")
}

// endings is a recorder that says when a host has ended.
type endings struct {
	*recorder
	ended func()
}

func (e *endings) Ended(r Result) {
	e.recorder.Ended(r)
	e.ended()
}

func TestSem56_DeadHostsDelayNobody(t *testing.T) {
	hosts := lab(t, 40)
	allRun := make(chan struct{})
	for i := range 30 {
		hosts[i].Config.Dial = func(ctx context.Context, _ string) (net.Conn, error) { // dead until all others run
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-allRun:
				return nil, syscall.EHOSTUNREACH
			}
		}
		hosts[i].Config.ConnectTimeout = time.Minute
	}
	hosts[0].Config.Dial, hosts[0].Config.ConnectTimeout = silent(nil), 2*time.Second
	began := time.Now()
	var run atomic.Int32
	v := newRecorder()
	v.started = func(Host) {
		if run.Add(1) == 10 {
			close(allRun)
		}
	}
	r := Run{Hosts: hosts, Command: line("true"), View: v, Fanout: 10}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[31-40]", Unreachable: "h[01-30]"}, statesOf(results))
	assert.Contains(t, results[0].Words, "no answer within 2s")
	assert.Less(t, time.Since(began), time.Minute, "no window of dead hosts was waited for")
}

// A host that answers when its place is taken must not run beside the others: one at a time is what was asked for.
func TestWhoAnswersLateWaitsForItsTurn(t *testing.T) {
	hosts := lab(t, 3)
	taken, turnedAway := make(chan struct{}), filepath.Join(t.TempDir(), "turned-away")
	var dials atomic.Int32
	hosts[0].Config.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		first := dials.Add(1) == 1
		if first { // it answers when another has its place
			<-taken
		}
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if first && err == nil {
			nc = closeTold{nc, func() { makeFile(t, turnedAway) }}
		}
		return nc, err
	}
	v := newRecorder()
	v.started = func(h Host) {
		if h.Index == 1 {
			close(taken)
		}
	}
	r := Run{Hosts: hosts, Command: line("[ %n != 2 ] || { " + until(turnedAway) + "; }; echo %h"), View: v, Fanout: 1, patience: onlyLosing(0)}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[01-03]"}, statesOf(results))
	assert.Equal(t, 1, v.most)
	assert.Equal(t, int32(2), dials.Load(), "connected to anew when it was its turn")
	assert.Equal(t, []string{"h02", "h01", "h03"}, ended(v))
}

// closeTold is a connection that says when it is closed.
type closeTold struct {
	net.Conn
	closed func()
}

func (c closeTold) Close() error {
	c.closed()
	return c.Conn.Close()
}

func ended(v *recorder) []string {
	var names []string
	for _, r := range v.results {
		names = append(names, r.Host.Name)
	}
	return names
}

// A daemon that takes the connection and says nothing holds its place for a moment only.
func TestWhoSaysNothingDelaysNobody(t *testing.T) {
	hosts := lab(t, 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() // nobody accepts: the kernel does
	hosts[0].Config.Address = l.Addr().String()
	hosts[0].Config.ConnectTimeout = time.Minute
	began := time.Now()
	v := newRecorder()
	v.started = func(Host) { _ = l.Close() } // resets who was not accepted
	r := Run{Hosts: hosts, Command: line("true"), View: v, Fanout: 1}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h02", Unreachable: "h01"}, statesOf(results))
	assert.Less(t, time.Since(began), time.Minute)
}

func TestSem56_CanariesGoFirstAndMustAllBeOK(t *testing.T) {
	hosts := lab(t, 6)
	v := newRecorder()
	r := Run{Hosts: hosts, Command: line("[ %n != 2 ]"), View: v, Canary: 3}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[01,03]", Failed: "h02", NotStarted: "h[04-06]"}, statesOf(results))
	assert.Equal(t, "skipped", results[5].Status.ErrorClass)
	assert.Equal(t, 1, ExitCode(results, true), "the code of the host that failed")
	assert.Len(t, v.results, 3)

	v = newRecorder()
	r = Run{Hosts: hosts, Command: line("[ %n != 5 ]"), View: v, Canary: 3, Fanout: 10}
	results, _ = r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[01-04,06]", Failed: "h05"}, statesOf(results))
	assert.Subset(t, []string{"h01", "h02", "h03"}, ended(v)[:3])
}

func TestSem56_FailFastBeginsWithNoOther(t *testing.T) {
	v := newRecorder()
	dir := t.TempDir()
	both, failed := filepath.Join(dir, "both-run"), filepath.Join(dir, "one-failed")
	var run atomic.Int32
	v.started = func(Host) {
		if run.Add(1) == 2 {
			makeFile(t, both)
		}
	}
	r := Run{Hosts: lab(t, 6), Command: line("[ %n = 1 ] && { " + until(both) + "; exit 7; }; " + until(failed) + "; echo done"), View: v,
		FailFast: true, Fanout: 2, Progress: &Progress{}, patience: onlyLosing()}
	var watching sync.WaitGroup
	watching.Go(func() {
		assert.Eventually(t, func() bool { return r.Progress.stand().NotOK == 1 }, 20*time.Second, time.Millisecond)
		makeFile(t, failed)
	})
	results, _ := r.Do(context.Background())
	watching.Wait()
	assert.Equal(t, map[State]string{OK: "h02", Failed: "h01", NotStarted: "h[03-06]"}, statesOf(results))
	assert.Equal(t, "done\n", v.out["h02"].String(), "what runs is not cut")
	assert.Equal(t, 7, ExitCode(results, true))
}

// Whoever has not even answered when another fails is let go: it may answer in ten seconds.
func TestFailFastLetsGoWhoDidNotAnswer(t *testing.T) {
	hosts := lab(t, 2)
	hosts[0].Config.Dial, hosts[0].Config.ConnectTimeout = silent(nil), time.Minute
	r := Run{Hosts: hosts, Command: line("exit 1"), View: newRecorder(), FailFast: true, Fanout: 1, patience: onlyLosing(0)}
	began := time.Now()
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{Failed: "h02", NotStarted: "h01"}, statesOf(results))
	assert.Less(t, time.Since(began), time.Minute)
}

func TestSem56_TheTimeForAll(t *testing.T) {
	hosts := lab(t, 5)
	hosts[1].Config.Dial, hosts[1].Config.ConnectTimeout = silent(nil), time.Minute
	v := newRecorder()
	const enough = 4 * time.Second // for one to end and two to begin
	r := Run{Hosts: hosts, Command: line("[ %n = 1 ] || sleep 60"), View: v, Total: enough, Fanout: 2, patience: onlyLosing(1)}
	began := time.Now()
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h01", TimedOut: "h[02-04]", NotStarted: "h05"}, statesOf(results))
	assert.Equal(t, 124, ExitCode(results, true))
	assert.Equal(t, "the time for all hosts ran out", results[2].Words)
	assert.Equal(t, "canceled", results[2].Status.Kind)
	assert.Less(t, time.Since(began), 30*time.Second)
}

// heard collects what is said, and tells who waits for it.
type heard struct {
	mu    sync.Mutex
	lines []string
	more  chan string
}

func (h *heard) say(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, _ := args[0].(string)
	h.lines = append(h.lines, text)
	if h.more != nil {
		h.more <- text
	}
}

func TestSem57_TheFirstSaysWhoRunsAndTheSecondEndsAll(t *testing.T) {
	hosts := lab(t, 5)
	hosts[4].Config.Dial, hosts[4].Config.ConnectTimeout = silent(nil), time.Minute
	signals := make(chan os.Signal)
	h := &heard{more: make(chan string, 4)}
	v := newRecorder()
	running := make(chan string, 5)
	v.started = func(h Host) { running <- h.Name }
	r := Run{Hosts: hosts, Command: line("[ %n = 1 ] || { trap '' INT; sleep 60; }"), View: v, Signals: signals, Say: h.say,
		Progress: &Progress{}}
	done := make(chan struct{})
	var results []Result
	var die os.Signal
	go func() {
		defer close(done)
		results, die = r.Do(context.Background())
	}()
	for range 4 {
		<-running
	}
	require.Eventually(t, func() bool { return r.Progress.stand().Done == 1 }, 20*time.Second, time.Millisecond)
	for {
		signals <- os.Interrupt
		said := <-h.more
		if said == "ending all of it, on the hosts too" {
			break // the second came within a second, which a machine that stands still may spoil
		}
		assert.Equal(t, "3 hosts running: h[02-04]; 1 host connecting: h05; ^C twice within a second ends all", said)
	}
	<-done
	assert.GreaterOrEqual(t, len(h.lines), 2)
	assert.Equal(t, os.Interrupt, die)
	assert.Equal(t, map[State]string{OK: "h01", Interrupted: "h[02-04]", NotStarted: "h05"}, statesOf(results))
	assert.Equal(t, "canceled", results[1].Status.Kind, "the daemon has ended it and said so")
	assert.Equal(t, 130, results[1].Code)
	assert.Equal(t, 130, ExitCode(results, true))
}

func TestSem57_OneOfTheOthersEndsAllAtOnce(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		signals := make(chan os.Signal, 1)
		v := newRecorder()
		v.started = func(Host) { signals <- s }
		r := Run{Hosts: lab(t, 1), Command: line("sleep 60"), View: v, Signals: signals}
		results, die := r.Do(context.Background())
		assert.Equal(t, s, die)
		assert.Equal(t, map[State]string{Interrupted: "h01"}, statesOf(results))
	}
}

// Two ^C that are a second apart are two questions.
func TestSem57_SlowlyTwiceIsNotTwice(t *testing.T) {
	signals := make(chan os.Signal)
	h := &heard{more: make(chan string, 4)}
	v := newRecorder()
	var asking sync.WaitGroup
	asked := filepath.Join(t.TempDir(), "asked-twice")
	v.started = func(Host) {
		asking.Go(func() {
			for range 2 {
				signals <- os.Interrupt
				<-h.more
				time.Sleep(secondTime + 10*time.Millisecond) // from behind the answer
			}
			makeFile(t, asked)
		})
	}
	r := Run{Hosts: lab(t, 1), Command: line(until(asked)), View: v, Signals: signals, Say: h.say}
	results, die := r.Do(context.Background())
	asking.Wait()
	assert.Nil(t, die)
	assert.Equal(t, map[State]string{OK: "h01"}, statesOf(results))
}

// blocked is a Sink that takes nothing until it is let go.
type blocked struct{ open chan struct{} }

func (b blocked) Write(p []byte) (int, error) { <-b.open; return len(p), nil }
func (blocked) End() error                    { return nil }

type blockedView struct {
	*recorder
	blocked
}

func (b blockedView) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	b.recorder.Started(h, info)
	return b.blocked, b.blocked
}

// A terminal that stands still keeps nobody who wants to leave.
func TestSem57_WhoKeepsAskingIsNotHeldByAStalledReader(t *testing.T) {
	signals := make(chan os.Signal)
	v := blockedView{newRecorder(), blocked{make(chan struct{})}}
	running := make(chan struct{})
	v.recorder.started = func(Host) { close(running) }
	r := Run{Hosts: lab(t, 1), Command: line("echo x; trap '' TERM; sleep 60"), View: v, Signals: signals,
		Say: func(string, ...any) { <-v.open }}
	done := make(chan []Result)
	go func() {
		results, _ := r.Do(context.Background())
		done <- results
	}()
	<-running
	often := time.NewTicker(50 * time.Millisecond)
	defer often.Stop()
	for {
		select {
		case signals <- syscall.SIGTERM:
			<-often.C
			continue
		case results := <-done:
			assert.Contains(t, []State{Unknown, Interrupted}, results[0].State)
		}
		break
	}
	close(v.open)
}

func TestWhereNobodyReadsNoFurtherHostBegins(t *testing.T) {
	hosts := lab(t, 5)
	hosts[0].Config.Dial = silent(nil)
	v := &deafView{newRecorder()}
	r := Run{Hosts: hosts, Command: line("yes"), View: v, Fanout: 1, patience: onlyLosing(0)}
	results, die := r.Do(context.Background())
	assert.Nil(t, die)
	assert.Equal(t, map[State]string{Failed: "h02", NotStarted: "h[01,03-05]"}, statesOf(results))
}

type deafView struct{ *recorder }

func (d *deafView) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	d.recorder.Started(h, info)
	return sinkFunc(func([]byte) error { return syscall.EPIPE }), dropped{}
}

// sinkFunc is a Sink that ends well.
type sinkFunc func([]byte) error

func (f sinkFunc) Write(p []byte) (int, error) { return len(p), f(p) }
func (sinkFunc) End() error                    { return nil }

func TestWhatCannotBeWrittenHereIsTheHostsFailure(t *testing.T) {
	v := &brokenView{recorder: newRecorder()}
	r := Run{Hosts: lab(t, 2), Command: line("echo x"), View: v}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{Failed: "h[01-02]"}, statesOf(results))
	assert.Equal(t, "local", results[0].Status.ErrorClass)
	assert.Contains(t, results[0].Words, "disk full")
	assert.Equal(t, 255, ExitCode(results, true))
	assert.Equal(t, []string{"failed 2: h[01-02] (output not written)"}, Summary(results))
}

type brokenView struct{ *recorder }

func (b *brokenView) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	b.recorder.Started(h, info)
	if h.Index == 0 {
		return sinkFunc(func([]byte) error { return errors.New("disk full") }), dropped{}
	}
	return lateFailure{}, dropped{}
}

type lateFailure struct{ dropped }

func (lateFailure) End() error { return errors.New("disk full") }

func TestNoAdmissionAndACutConnectionAreToldApart(t *testing.T) {
	hosts := lab(t, 4)
	hosts[1].Config.ServerID = "another"
	hosts[2].Config.Address = "127.0.0.1:1" // a port that was another's a moment ago may be somebody's again
	var cut net.Conn
	hosts[3].Config.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		cut = nc
		return nc, err
	}
	v := newRecorder()
	v.started = func(h Host) {
		if h.Index == 3 {
			_ = cut.(*net.TCPConn).SetLinger(0)
			_ = cut.Close()
		}
	}
	r := Run{Hosts: hosts, Command: line("[ %n != 4 ] || sleep 60"), View: v}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h01", Unreachable: "h[02-03]", Unknown: "h04"}, statesOf(results))
	assert.Contains(t, results[1].Words, "did not admit this key")
	assert.Contains(t, results[2].Words, "nobody listens there")
	assert.Contains(t, results[3].Words, "outcome is unknown")
}

func TestConnectionsAreKeptAndLostOnesMadeAnew(t *testing.T) {
	hosts := lab(t, 3)
	var dials atomic.Int32
	var mu sync.Mutex
	var conns []net.Conn
	for i := range hosts {
		hosts[i].Config.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			dials.Add(1)
			nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			mu.Lock()
			conns = append(conns, nc)
			mu.Unlock()
			return nc, err
		}
	}
	keep := &Connections{}
	defer keep.Close()
	run := func() {
		r := Run{Hosts: hosts, Command: line("true"), View: newRecorder(), Keep: keep}
		results, _ := r.Do(context.Background())
		require.Equal(t, map[State]string{OK: "h[01-03]"}, statesOf(results))
	}
	for range 3 {
		run()
	}
	assert.Equal(t, int32(3), dials.Load())
	_ = conns[0].Close()
	require.Eventually(t, func() bool {
		keep.mu.Lock()
		defer keep.mu.Unlock()
		for _, k := range keep.kept {
			if k.lost.Load() {
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond)
	run()
	assert.Equal(t, int32(4), dials.Load())
}

func TestStdinGoesToAllWhoeverIsSlowOrDead(t *testing.T) {
	hosts := lab(t, 6)
	hosts[2].Config.Dial = silent(nil)
	hosts[2].Config.ConnectTimeout = time.Second
	text := strings.Repeat("0123456789abcde\n", 100_000) // more than windows and a block of memory
	src := &countingReader{r: strings.NewReader(text)}
	v := newRecorder()
	r := Run{Hosts: hosts, Command: line("case %n in 1) exit 0;; 2) sleep 0.5; cksum;; *) cksum;; esac"), View: v, Stdin: src, Fanout: 2}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[01-02,04-06]", Unreachable: "h03"}, statesOf(results))
	for _, name := range []string{"h02", "h04", "h05", "h06"} {
		assert.Equal(t, v.out["h02"].String(), v.out[name].String())
		assert.Contains(t, v.out[name].String(), " 1600000")
	}
	assert.Equal(t, int64(len(text)), src.n, "read once")
}

func TestStdinThatIsTextGoesInEachHostsEncoding(t *testing.T) {
	hosts := lab(t, 3)
	hosts[0].Encoding, hosts[1].Encoding = "gbk", "utf-8"
	v := newRecorder()
	r := Run{Hosts: hosts, Command: line("cat; printf %s 录"), View: v, Stdin: strings.NewReader("目录"), Text: true}
	results, _ := r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[01-03]"}, statesOf(results), results[0].Words)
	assert.Equal(t, "\xc4\xbf\xc2\xbc\xc2\xbc", v.out["h01"].String())
	assert.Equal(t, "目录录", v.out["h02"].String())
	assert.Equal(t, "目录录", v.out["h03"].String())

	r.Stdin, r.View = strings.NewReader("one 🦀"), newRecorder()
	results, _ = r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[02-03]", Failed: "h01"}, statesOf(results))
	assert.Contains(t, results[0].Words, "at byte 4")
	r.Stdin, r.Command = nil, line("echo 🦀")
	results, _ = r.Do(context.Background())
	assert.Equal(t, map[State]string{OK: "h[02-03]", Failed: "h01"}, statesOf(results))
	assert.Contains(t, results[0].Words, "nothing was started")
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestPreviewSaysWhatRunsWhere(t *testing.T) {
	h := Host{Name: "pc07", Number: "7"}
	r := Run{Command: line("echo %h %n %% %F")}
	text, err := r.Preview(h)
	require.NoError(t, err)
	assert.Equal(t, "echo pc07 7 % %F", text)
	r.Command = func(ctx context.Context, c *client.Client, _ Host) *client.Cmd {
		return c.Command(ctx, "printf", "%s\n", "%h it's")
	}
	text, err = r.Preview(h)
	require.NoError(t, err)
	assert.Equal(t, `printf '%s
' 'pc07 it'\''s'`, text)
	r.Command = func(ctx context.Context, c *client.Client, _ Host) *client.Cmd {
		cmd := c.Shell(ctx, "uname")
		cmd.Systems = map[string]string{"windows": "ver", "linux": "id %n"}
		return cmd
	}
	text, err = r.Preview(h)
	require.NoError(t, err)
	assert.Equal(t, "linux: id 7; windows: ver; others: uname", text)
	_, err = r.Preview(Host{Name: "pc"})
	assert.ErrorContains(t, err, "no number")
	r.Verbatim = true
	text, err = r.Preview(Host{Name: "pc"})
	require.NoError(t, err)
	assert.Contains(t, text, "id %n")
}
