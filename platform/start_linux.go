package platform

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const fionread = unix.TIOCINQ

// onlyZombies: Linux delivers to zombies and says nothing.
func onlyZombies(error) bool { return false }

// startClean starts a command with no signal blocked: a child inherits the
// mask of the thread that forks it, and that one the mask of who started us.
func startClean(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, was unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &was); err != nil {
		return os.NewSyscallError("pthread_sigmask", err)
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil) }()
	return cmd.Start()
}

// ownPeak is this process's own peak memory in bytes.
func ownPeak() uint64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return uint64(u.Maxrss) << 10
}

// peakOf is the peak memory the kernel accounted, 0 when it says nothing: a
// child starts with the peak of the process it was forked from.
func peakOf(s *os.ProcessState, own uint64) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok && uint64(u.Maxrss)<<10 > own {
		return uint64(u.Maxrss) << 10
	}
	return 0
}
