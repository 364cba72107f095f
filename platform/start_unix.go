//go:build unix

package platform

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// start makes the pipes, starts the command as leader of a session of its
// own, and closes the command's ends of the pipes at once, so that nobody
// but the tree holds them.
func start(t *Trees, spec Spec) (*Process, error) {
	attr, err := attributes(spec.User)
	if err != nil {
		return nil, err
	}
	path, err := program(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: &exec.Cmd{
		Path: path, Args: spec.Argv, Dir: spec.Dir, SysProcAttr: attr,
		Env: append([]string{}, spec.Env...), // never nil, which would mean the daemon's own
	}}
	theirs, err := p.pipes(spec.NoStdin)
	defer closeAll(theirs)
	if err == nil {
		p.tree, err = t.plant(spec.ID, p.cmd)
	}
	if err != nil {
		p.closeStreams()
		return nil, explain(err, spec, path)
	}
	p.ownPeak = ownPeak()
	p.leader = watch(p.cmd.Process.Pid)
	return p, nil
}

// pipes makes what the command will have as descriptors 0, 1 and 2, and
// gives its ends, to be closed after the start. Our ends do not block, so
// that deadlines work; theirs do.
func (p *Process) pipes(noStdin bool) (theirs []*os.File, err error) {
	if noStdin {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return nil, err
		}
		p.cmd.Stdin = null
		theirs = append(theirs, null)
	} else {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.cmd.Stdin, p.stdin = r, w
		theirs = append(theirs, r)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	p.cmd.Stdout, p.stdout = w, &Output{f: r}
	theirs = append(theirs, w)
	if r, w, err = os.Pipe(); err != nil {
		return theirs, err
	}
	p.cmd.Stderr, p.stderr = w, &Output{f: r}
	return append(theirs, w), nil
}

func (p *Process) closeStreams() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	if p.stdout != nil {
		_ = p.stdout.Close()
	}
	if p.stderr != nil {
		_ = p.stderr.Close()
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// attributes makes the command the leader of a session and, for another
// user than our own, drops to that user and all of that user's groups.
func attributes(u *User) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	own := unix.Geteuid()
	if u == nil || int(u.UID) == own {
		return attr, nil
	}
	if own != 0 {
		return nil, cannot(unix.EPERM, "cannot run as user %s: the daemon is not root", shown(u.Name))
	}
	attr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	return attr, nil
}

// errno digs the kernel's number out of err; 0 when there is none.
func errno(err error) syscall.Errno {
	var n syscall.Errno
	errors.As(err, &n)
	return n
}

// missing says that there is no such file, as far as one can see.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
