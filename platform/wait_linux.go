package platform

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// si_code values of SIGCHLD (sigaction(2)).
const (
	cldKilled = 2
	cldDumped = 3
)

// childInfo is siginfo_t as waitid fills it: a union starts at the next
// multiple of a pointer's size.
type childInfo struct {
	signo, errno, code int32
	_                  [unsafe.Sizeof(uintptr(0))/4 - 1]int32
	pid                int32
	uid                uint32
	status             int32
}

// watch looks at a child through a pidfd in the poller, so that waiting
// costs no thread; without pidfds (Linux 5.3) it blocks one.
func watch(pid int) leader {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.EINVAL) { // the flag is of Linux 5.10
		if fd, err = unix.PidfdOpen(pid, 0); err == nil {
			err = unix.SetNonblock(fd, true)
		}
	}
	if err != nil {
		return blockedLeader{pid}
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	conn, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return blockedLeader{pid}
	}
	return &polledLeader{f: f, conn: conn}
}

// polledLeader waits in the poller.
type polledLeader struct {
	f    *os.File
	conn syscall.RawConn
}

func (l *polledLeader) wait() (ending, error) {
	var e ending
	var inner error
	err := l.conn.Read(func(fd uintptr) bool {
		var done bool
		e, done, inner = look(unix.P_PIDFD, int(fd), unix.WNOHANG)
		return done || inner != nil
	})
	return e, errors.Join(err, inner)
}

func (l *polledLeader) ended() bool {
	done := false
	_ = l.conn.Control(func(fd uintptr) { _, done, _ = look(unix.P_PIDFD, int(fd), unix.WNOHANG) })
	return done
}

func (l *polledLeader) close() error { return l.f.Close() }

// blockedLeader waits in the kernel, a thread each.
type blockedLeader struct{ pid int }

func (l blockedLeader) wait() (ending, error) {
	e, _, err := look(unix.P_PID, l.pid, 0)
	return e, err
}

func (l blockedLeader) ended() bool {
	_, done, _ := look(unix.P_PID, l.pid, unix.WNOHANG)
	return done
}

func (l blockedLeader) close() error { return nil }

// look asks how a child ended and leaves it a zombie.
func look(kind, id, flags int) (e ending, done bool, err error) {
	var info unix.Siginfo
	for {
		err = unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EAGAIN) {
		return e, false, nil
	}
	if err != nil {
		return e, false, os.NewSyscallError("waitid", err)
	}
	child := (*childInfo)(unsafe.Pointer(&info))
	if child.pid == 0 {
		return e, false, nil
	}
	return endingOf(child.code, child.status), true, nil
}

func endingOf(code, status int32) ending {
	if code == cldKilled || code == cldDumped {
		return ending{code: -1, signal: signalName(unix.Signal(status)), core: code == cldDumped}
	}
	return ending{code: int64(status)}
}
