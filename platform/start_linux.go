package platform

import (
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
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

// ownPeak is the peak of this process's memory as it is now (proc_pid_status(5), VmHWM), in bytes. Not ru_maxrss: that
// also counts the process this one was executed from, which no child of ours starts with.
func ownPeak() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return math.MaxUint64 // not known, so that no child's is above it
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				break
			}
			return kib << 10
		}
	}
	return math.MaxUint64
}

// peakOf is the peak memory the kernel accounted, 0 when it says nothing.
func peakOf(s *os.ProcessState) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return uint64(u.Maxrss) << 10
	}
	return 0
}
