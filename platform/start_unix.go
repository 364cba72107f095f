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
	credential, err := credentialOf(spec.User)
	if err != nil {
		return nil, err
	}
	path, err := program(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{}
	theirs, name, err := p.streams(spec)
	defer closeAll(theirs)
	env := append([]string{}, spec.Env...) // never nil, which would mean the daemon's own
	if name != "" && spec.Terminal.Variable != "" {
		env = append(env, spec.Terminal.Variable+"="+name)
	}
	if err == nil {
		p.tree, p.cmd, err = t.plant(spec.ID, markOf(spec.Env), politely(spec.Terminal), func() *exec.Cmd {
			return &exec.Cmd{
				Path: path, Args: spec.Argv, Dir: spec.Dir, Env: env,
				Stdin: theirs[0], Stdout: theirs[1], Stderr: theirs[2],
				SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: spec.Terminal != nil, Credential: credential},
			}
		})
	}
	if err != nil {
		p.closeStreams()
		return nil, explain(err, spec, path)
	}
	p.ownPeak = &t.ownPeak
	p.leader = watch(p.cmd.Process.Pid)
	return p, nil
}

// markOf is the entry of env that names the session, or empty.
func markOf(env []string) string {
	if id, ok := lookupEnv(env, SessionVariable); ok && id != "" {
		return SessionVariable + "=" + id
	}
	return ""
}

// politely is what asks a tree to end. HUP is what an interactive shell obeys,
// and passes on to its jobs; stopped ones hear it once they continue.
func politely(t *Terminal) []unix.Signal {
	if t != nil {
		return []unix.Signal{unix.SIGHUP, unix.SIGCONT}
	}
	return []unix.Signal{unix.SIGTERM}
}

// streams makes what the command will have as descriptors 0, 1 and 2, and
// gives its ends, to be closed after the start, and a terminal's name.
func (p *Process) streams(spec Spec) (theirs []*os.File, name string, err error) {
	if spec.Terminal == nil {
		theirs, err = p.pipes(spec.NoStdin)
		return theirs, "", err
	}
	term, tty, err := openTerminal(*spec.Terminal, spec.User)
	if err != nil {
		return nil, "", err
	}
	p.term, p.stdout = term, &Output{f: term.master, term: term}
	if !spec.NoStdin {
		p.stdin = typing{term.master}
	}
	return []*os.File{tty, tty, tty}, tty.Name(), nil
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
		theirs = append(theirs, null)
	} else {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.stdin = w
		theirs = append(theirs, r)
	}
	for _, output := range []**Output{&p.stdout, &p.stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		*output = &Output{f: r}
		theirs = append(theirs, w)
	}
	return theirs, nil
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
	if p.term != nil {
		p.term.leaderEnded()
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// credentialOf drops to another user than our own, with all of that user's
// groups; nil is no change.
func credentialOf(u *User) (*syscall.Credential, error) {
	own := unix.Geteuid()
	if u == nil || int(u.UID) == own {
		return nil, nil
	}
	if own != 0 {
		return nil, cannot(unix.EPERM, "cannot run as user %s: the daemon is not root", shown(u.Name))
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}, nil
}

// errno digs the kernel's number out of err; 0 when there is none.
func errno(err error) syscall.Errno {
	var n syscall.Errno
	errors.As(err, &n)
	return n
}

// missing says that there is no such file, as far as one can see.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
