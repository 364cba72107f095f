package platform

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of sys/wait.h and sys/signal.h; x/sys has no waitid here.
const (
	idPid     = 1 // P_PID
	wNoHang   = 0x01
	wExited   = 0x04
	wNoWait   = 0x20
	cldKilled = 2
	cldDumped = 3
)

// childInfo is the head of siginfo_t; the whole has 104 bytes.
type childInfo struct {
	signo, errno, code, pid int32
	uid                     uint32
	status                  int32
	_                       [80]byte
}

func watch(pid int) leader { return blockedLeader{pid} }

// blockedLeader waits in the kernel, a thread each.
type blockedLeader struct{ pid int }

func (l blockedLeader) wait() (ending, error) {
	e, _, err := look(l.pid, 0)
	return e, err
}

func (l blockedLeader) ended() bool {
	_, done, _ := look(l.pid, wNoHang)
	return done
}

func (l blockedLeader) close() error { return nil }

// look asks how a child ended and leaves it a zombie.
func look(pid, flags int) (e ending, done bool, err error) {
	var info childInfo
	for {
		_, _, n := syscall.Syscall6(syscall.SYS_WAITID, idPid, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(wExited|wNoWait|flags), 0, 0)
		if n == 0 {
			break
		}
		if n != unix.EINTR {
			return e, false, os.NewSyscallError("waitid", n)
		}
	}
	if info.pid == 0 {
		return e, false, nil
	}
	if info.code == cldKilled || info.code == cldDumped {
		return ending{code: -1, signal: signalName(unix.Signal(info.status)), core: info.code == cldDumped}, true, nil
	}
	return ending{code: int64(info.status & 0xff)}, true, nil
}
