//go:build unix

package platform

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func checkTerminal(*Terminal) error { return nil }

// terminal is both ends of a command's terminal: what the master reads is
// what the command prints, what is written to it is typed.
type terminal struct {
	master *os.File // does not block, and waits in the poller
	conn   syscall.RawConn

	mu         sync.Mutex
	held       int // our own descriptor of the command's end; -1: given up
	foreground int // the group that was in the foreground when master was closed; 0: none known
}

// openTerminal makes a terminal as t says, owned by who the command runs as.
// tty is the command's end, to be closed after the start.
func openTerminal(t Terminal, u *User) (term *terminal, tty *os.File, err error) {
	blocked, tty, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		_ = blocked.Close()
		if err != nil {
			_ = tty.Close()
		}
	}()
	term = &terminal{held: -1}
	if term.master, err = polled(blocked); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = term.Close()
			term.leaderEnded()
		}
	}()
	if term.conn, err = term.master.SyscallConn(); err != nil {
		return nil, nil, err
	}
	// As long as the leader lives, the terminal is ours too: a command that
	// closes all its descriptors and opens /dev/tty later, or hangs up its own
	// terminal as login(1) does, has not ended its output. It is a bare
	// descriptor so that what happens at that end does not wake the poller.
	if term.held, err = another(tty); err != nil {
		return nil, nil, err
	}
	if err = setModes(term.held, t.Modes); err != nil {
		return nil, nil, err
	}
	if err = term.resize(clampSize(t.Rows, usualRows), clampSize(t.Cols, usualCols), t.XPix, t.YPix); err != nil {
		return nil, nil, err
	}
	if err = giveTo(term.held, u); err != nil {
		return nil, nil, err
	}
	return term, tty, nil
}

// polled gives another File of the same terminal that does not block: pty
// asked for the first one's Fd, after which os believes that one to block.
func polled(f *os.File) (*os.File, error) {
	fd, err := another(f)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// another gives another descriptor of the same open file.
func another(f *os.File) (fd int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	var inner error
	err = conn.Control(func(old uintptr) { fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(err, os.NewSyscallError("fcntl", inner)); err != nil {
		return -1, err
	}
	return fd, nil
}

// giveTo makes the terminal the user's own, and lets the group of write(1)
// and wall(1) print on it, as login(1) does. What a daemon that is not root
// opens is its own already.
func giveTo(fd int, u *User) error {
	if u == nil || unix.Geteuid() != 0 {
		return nil
	}
	gid, mode := u.GID, uint32(0o600)
	if b, err := os.ReadFile(groupFile); err == nil {
		if tty, ok := groupID(string(b), "tty"); ok {
			gid, mode = tty, 0o620
		}
	}
	if err := unix.Fchown(fd, int(u.UID), int(gid)); err != nil {
		return os.NewSyscallError("fchown", err)
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(fd, mode))
}

// groupID finds the number of a group of group(5).
func groupID(text, name string) (uint32, bool) {
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) != 4 || f[0] != name {
			continue
		}
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			return uint32(gid), true
		}
	}
	return 0, false
}

func (t *terminal) resize(rows, cols, xpix, ypix uint16) error {
	var inner error
	err := t.conn.Control(func(fd uintptr) {
		was, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
		if err != nil {
			inner = err
			return
		}
		is := unix.Winsize{Row: clampSize(rows, was.Row), Col: clampSize(cols, was.Col), Xpixel: xpix, Ypixel: ypix}
		if is != *was {
			inner = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &is)
		}
	})
	if err != nil {
		return nil // closed: there is nobody to tell
	}
	return os.NewSyscallError("ioctl TIOCSWINSZ", inner)
}

// leaderEnded gives our own hold on the command's end up: from now on the
// output ends when nobody else has the terminal open.
func (t *terminal) leaderEnded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held >= 0 {
		_ = unix.Close(t.held)
		t.held = -1
	}
}

// Close hangs the terminal up: the kernel sends HUP and CONT to the leader
// and HUP to the foreground group, which is remembered for killForeground.
func (t *terminal) Close() error {
	t.mu.Lock()
	if g := t.inForeground(); g > 0 {
		t.foreground = g
	}
	t.mu.Unlock()
	return t.master.Close()
}

// inForeground asks for the foreground group; 0: none, or closed.
func (t *terminal) inForeground() (group int) {
	_ = t.conn.Control(func(fd uintptr) {
		if g, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP); err == nil {
			group = g
		}
	})
	return group
}

// killForeground ends the leader's group and the foreground's. The number of
// a group that is gone may be a stranger's by now, but in the session of the
// unreaped leader there are no strangers.
func (t *terminal) killForeground(leader int) error {
	t.mu.Lock()
	foreground := t.foreground
	if g := t.inForeground(); g > 0 {
		foreground = g
	}
	t.mu.Unlock()
	err := signalGroup(leader, unix.SIGKILL)
	if foreground == leader || foreground == 0 {
		return err
	}
	inGroup := func(pid int) bool {
		g, err := unix.Getpgid(pid)
		return err == nil && g == foreground && inSession(pid, leader)
	}
	told := map[int]bool{}
	for news := true; news && len(told) < mostMembers; {
		news = false
		for _, pid := range sessionMembers(leader) {
			if !told[pid] && inGroup(pid) {
				news, told[pid] = true, true
				_ = signalMember(pid, unix.SIGKILL, func() bool { return inGroup(pid) })
			}
		}
	}
	return err
}

// typing is the writing side of a terminal. Its Close ends what waits in
// Write and leaves the terminal open: there is no end of input but ^D, which
// is for the user to type.
type typing struct{ f *os.File }

var _ io.WriteCloser = typing{}

func (t typing) Write(b []byte) (int, error) {
	n, err := t.f.Write(b)
	if errors.Is(err, unix.EIO) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
		err = syscall.EPIPE // nobody reads any more
	}
	return n, err
}

func (t typing) Close() error {
	_ = t.f.SetWriteDeadline(time.Unix(1, 0)) // fails where the whole terminal is closed
	return nil
}
