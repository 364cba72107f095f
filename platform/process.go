package platform

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Spec says what to start. Its strings are bytes; none may hold NUL.
type Spec struct {
	// ID names the tree's cgroup folder: unique, of [a-z0-9-]. Empty: the
	// command is held by its process group only.
	ID string
	// Argv is the program and its arguments; at least the program. Without a
	// slash Argv[0] is looked up in the PATH of Env, whose relative folders
	// are relative to Dir.
	Argv []string
	// Path, if not empty, is the file to run while Argv[0] stays as it is:
	// a login shell is Path "/bin/bash" with Argv[0] "-bash".
	Path string
	// CommandLine, if not empty, is what the program gets behind its own name,
	// as it is, instead of the words of Argv; on Windows only, see RunLine.
	CommandLine string
	// Env is the complete environment; nothing is added.
	Env []string
	// Dir is where the command starts; empty: where the daemon is.
	Dir string
	// User, if not nil and of another uid than the daemon's, is who the
	// command runs as, with that user's groups; only root may ask for it.
	User *User
	// NoStdin gives the command the null device as its input; with a terminal,
	// nobody to type.
	NoStdin bool
	// Terminal, if not nil, gives the command a terminal instead of pipes.
	Terminal *Terminal
}

// Process is a started command and the tree that grows from it. Its methods
// may be called from any goroutine.
type Process struct {
	child          // the started process as the system has it
	stdin          io.WriteCloser
	stdout, stderr *Output
	term           *terminal // nil: pipes
	leader         leader
	tree           tree
	ownPeak        *atomic.Uint64 // what is known of this process's own peak memory

	waitOnce sync.Once
	end      ending
	endErr   error

	mu       sync.RWMutex // held for reading while a signal is sent by pid
	released bool

	releaseOnce sync.Once
	releaseErr  error
	most        uint64 // bytes of memory; 0: not known
}

// ending is how a leader ended.
type ending struct {
	code   int64  // -1 when signalled
	signal string // without SIG; empty when it exited
	core   bool
}

// leader waits for the started process without reaping it.
type leader interface {
	wait() (ending, error)
	ended() bool
	close() error
}

// Start starts a command in a tree of its own. A nil t is a Trees that knows
// process groups only. What keeps a command from starting is a *StartError.
func Start(t *Trees, spec Spec) (*Process, error) {
	if err := checkSpec(spec); err != nil {
		return nil, err
	}
	if t == nil {
		t = &Trees{}
	}
	return start(t, spec)
}

// Pid is the leader's process id; on Unix also its group's and session's.
func (p *Process) Pid() int { return p.pid() }

// Stdin writes to the command's input. Close is the end of that input only,
// and nothing at all to a terminal, on which ^D is typed. When nobody reads
// any more, Write fails with syscall.EPIPE. nil with NoStdin.
func (p *Process) Stdin() io.WriteCloser { return p.stdin }

// Stdout is what the command writes; with a terminal, all of it, which ends
// only after Wait has returned, and whose Close hangs the terminal up.
func (p *Process) Stdout() *Output { return p.stdout }

// Stderr is what the command complains; nil with a terminal.
func (p *Process) Stderr() *Output { return p.stderr }

// Containment says what holds the tree: "group", "cgroup" or "job".
func (p *Process) Containment() string { return p.tree.containment() }

// Cgroup is the tree's cgroup folder, to be recorded for Sweep; empty where
// there is none.
func (p *Process) Cgroup() string { return p.tree.folder() }

// Wait blocks until the leader ended and says how: its exit code, or -1 and
// the signal's name without SIG ("SEGV"), and whether there is a core. It
// costs no thread on Linux, may be called again, and does not reap.
func (p *Process) Wait() (code int64, signal string, core bool, err error) {
	p.waitOnce.Do(func() {
		p.end, p.endErr = p.leader.wait()
		if p.term != nil {
			p.term.leaderEnded()
		}
	})
	return p.end.code, p.end.signal, p.end.core, p.endErr
}

// Signal sends a signal, named without SIG ("INT", "TERM", "USR1"), to the
// leader's process group, whose members may outlive it. After Release it is
// os.ErrProcessDone.
func (p *Process) Signal(name string) error {
	return p.unreleased(func() error { return p.tree.signal(name) })
}

// Terminate is the polite first step of ending the whole tree: TERM with
// pipes, HUP and CONT with a terminal. Kill is the second.
func (p *Process) Terminate() error {
	return p.unreleased(p.tree.terminate)
}

// Kill ends the whole tree at once. What has left the process group and the
// session survives it when Containment is "group".
func (p *Process) Kill() error {
	return p.unreleased(p.tree.kill)
}

// Survivors counts the tree's processes besides the leader. Ask before Release.
func (p *Process) Survivors() int {
	n := 0
	_ = p.unreleased(func() error { n = p.tree.survivors(); return nil })
	return n
}

// unreleased runs f while the leader's pid is certain to be the leader's.
func (p *Process) unreleased(f func() error) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.released {
		return os.ErrProcessDone
	}
	return f()
}

// Release reaps the leader and closes what is still open: input, outputs.
// A leader that still runs is killed first, with its tree; after its end
// what it left running lives on. It may be called again.
func (p *Process) Release() error {
	p.releaseOnce.Do(func() { p.releaseErr = p.release() })
	return p.releaseErr
}

func (p *Process) release() error {
	if !p.leader.ended() {
		_ = p.Kill()
	}
	_, _, _, err := p.Wait()

	p.mu.Lock()
	p.released = true
	p.mu.Unlock()

	err = errors.Join(err, p.reap())
	if p.most = p.tree.peak(); p.most == 0 {
		p.most = p.peak(p.ownPeak)
	}
	err = errors.Join(err, p.leader.close())
	if p.stdin != nil {
		err = errors.Join(err, closeOnce(p.stdin))
	}
	for _, o := range []*Output{p.stdout, p.stderr} {
		if o != nil {
			err = errors.Join(err, closeOnce(o))
		}
	}
	p.tree.release()
	return err
}

// closeOnce closes what may have been closed before.
func closeOnce(c io.Closer) error {
	if err := c.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Usage is the processor time of the leader and of the children it waited
// for, and the peak memory in bytes, 0 when unknown. All 0 before Release.
func (p *Process) Usage() (user, system time.Duration, peak uint64) {
	p.mu.RLock()
	done := p.released
	p.mu.RUnlock()
	if !done {
		return 0, 0, 0
	}
	_ = p.Release() // waits for a Release that runs elsewhere
	user, system = p.times()
	return user, system, p.most
}
