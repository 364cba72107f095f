package session

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const pipeSize = 64 << 10

// pipe is a pipe of the kernel's kind: 64 KiB, EPIPE without a reader, EOF without a writer, read deadlines.
type pipe struct {
	mu       sync.Mutex
	cond     sync.Cond
	buf      []byte
	writers  int
	noReader bool
	deadline time.Time
	timer    *time.Timer
}

func newPipe() *pipe {
	p := &pipe{writers: 1}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.noReader:
			return 0, os.ErrClosed
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline): // as package os: before it looks at the pipe
			return 0, os.ErrDeadlineExceeded
		case len(p.buf) > 0:
			n := copy(b, p.buf)
			p.buf = p.buf[n:]
			p.cond.Broadcast()
			return n, nil
		case p.writers == 0:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

// Write is the command's.
func (p *pipe) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		for !p.noReader && p.writers > 0 && len(p.buf) >= pipeSize {
			p.cond.Wait()
		}
		if p.noReader {
			return n, syscall.EPIPE
		}
		if p.writers == 0 {
			return n, os.ErrClosed
		}
		k := min(len(b), pipeSize-len(p.buf))
		p.buf = append(p.buf, b[:k]...)
		b, n = b[k:], n+k
		p.cond.Broadcast()
	}
	return n, nil
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noReader {
		return os.ErrClosed
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.deadline = t
	if d := time.Until(t); !t.IsZero() && d > 0 {
		p.timer = time.AfterFunc(d, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.cond.Broadcast()
		})
	}
	p.cond.Broadcast()
	return nil
}

func (p *pipe) Pending() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noReader {
		return 0, os.ErrClosed
	}
	return len(p.buf), nil
}

// Close closes the reading end.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noReader, p.buf = true, nil
	p.cond.Broadcast()
	return nil
}

func (p *pipe) hold() { p.mu.Lock(); p.writers++; p.mu.Unlock() }

// drop closes one writing end.
func (p *pipe) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writers > 0 {
		p.writers--
	}
	p.cond.Broadcast()
}

// writeEnd is the daemon's end of a stdin.
type writeEnd struct{ p *pipe }

func (w writeEnd) Write(b []byte) (int, error) { return w.p.Write(b) }
func (w writeEnd) Close() error                { w.p.drop(); return nil }

// call is one thing that was asked of a proc.
type call struct {
	what string
	at   time.Duration
}

// proc is a Process whose leader is a function, and whose tree has members that only Terminate and Kill end.
type proc struct {
	t        *testing.T
	in       *pipe
	out, err *pipe
	born     time.Time
	exit     chan exit
	terminal bool

	onSignal    func(name string)
	onTerminate func()
	onKill      func()

	busy     atomic.Int32
	released atomic.Bool
	mu       sync.Mutex
	calls    []call
	members  int
}

// newProc has a leader that dies of TERM and KILL and no other member.
func newProc(t *testing.T) *proc {
	p := &proc{t: t, in: newPipe(), out: newPipe(), err: newPipe(), born: time.Now(), exit: make(chan exit, 8)}
	p.onSignal = func(name string) { p.die(name) }
	p.onTerminate = func() { p.empty(); p.die("TERM") }
	p.onKill = func() { p.empty(); p.die("KILL") }
	return p
}

// leave ends the leader with code; its pipes are closed.
func (p *proc) leave(code int64) { p.closeAll(); p.exit <- exit{code: code} }

// die ends the leader by a signal.
func (p *proc) die(name string) {
	p.closeAll()
	select {
	case p.exit <- exit{code: 0, signal: name}:
	default:
	}
}

func (p *proc) closeAll() {
	p.out.drop()
	p.err.drop()
	p.in.Close()
}

// leaves is a member that holds both outputs after the leader's end.
func (p *proc) spawn() {
	p.out.hold()
	p.err.hold()
	p.mu.Lock()
	p.members++
	p.mu.Unlock()
}

func (p *proc) empty() {
	p.mu.Lock()
	n := p.members
	p.members = 0
	p.mu.Unlock()
	for range n {
		p.out.drop()
		p.err.drop()
	}
}

// asked records a call and checks that it is alone and in time.
func (p *proc) asked(what string) func() {
	if p.busy.Add(1) != 1 {
		p.t.Errorf("%s beside another call", what)
	}
	if p.released.Load() {
		p.t.Errorf("%s after Release", what)
	}
	p.mu.Lock()
	p.calls = append(p.calls, call{what, time.Since(p.born)})
	p.mu.Unlock()
	return func() { p.busy.Add(-1) }
}

// said is all that was asked, without Survivors, as "what@time".
func (p *proc) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := []string{}
	for _, c := range p.calls {
		s = append(s, fmt.Sprintf("%s@%v", c.what, c.at))
	}
	return s
}

func (p *proc) Pid() int { return 4242 }

func (p *proc) Stdin() io.WriteCloser {
	if p.in == nil {
		return nil
	}
	return writeEnd{p.in}
}

func (p *proc) Stdout() Output { return p.out }

func (p *proc) Stderr() Output {
	if p.terminal {
		return nil
	}
	return p.err
}

func (p *proc) Wait() (int64, string, bool, error) {
	e := <-p.exit
	return e.code, e.signal, e.core, e.err
}

func (p *proc) Signal(name string) error {
	defer p.asked("signal " + name)()
	p.onSignal(name)
	return nil
}

func (p *proc) Terminate() error {
	defer p.asked("terminate")()
	p.onTerminate()
	return nil
}

func (p *proc) Kill() error {
	defer p.asked("kill")()
	p.onKill()
	return nil
}

func (p *proc) Resize(rows, cols, xpix, ypix uint16) error {
	defer p.asked(fmt.Sprintf("resize %dx%d", rows, cols))()
	return nil
}

func (p *proc) Survivors() int {
	if p.released.Load() {
		p.t.Error("Survivors after Release")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members
}

func (p *proc) Release() error {
	if p.released.Swap(true) {
		p.t.Error("Release twice")
	}
	return nil
}

func (p *proc) Usage() (time.Duration, time.Duration, uint64) {
	if !p.released.Load() {
		p.t.Error("Usage before Release")
	}
	return 3 * time.Millisecond, 2 * time.Millisecond, 1 << 20
}
