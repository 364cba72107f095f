package platform

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that whoever runs a container sends to its first
// process.
var passedOn = []os.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2}

// AsPid1 does nothing unless this process is the first of its namespace, to
// which every orphan comes, a zombie when it ends (pid_namespaces(7)). Then it
// runs this program again as its child, with the same arguments, reaps
// whoever ends, passes signals on, and returns the child's exit code with done
// true: the caller is to exit with it. Only a process that starts nothing
// else itself can reap whatever comes, without taking the end of a command
// away from whoever waits for it.
func AsPid1() (code int, done bool, err error) {
	if os.Getpid() != 1 {
		return 0, false, nil
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	child, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return 0, false, os.NewSyscallError("start this program as a child of pid 1", err)
	}
	ended := make(chan unix.WaitStatus, 1)
	go func() { ended <- reapUntil(child) }()
	for {
		select {
		case s := <-signals:
			// Its pid is its own until reapUntil has returned, and then nobody else is left in this namespace for long.
			_ = unix.Kill(child, s.(syscall.Signal))
		case ws := <-ended:
			if ws.Signaled() {
				return 128 + int(ws.Signal()), true, nil
			}
			return ws.ExitStatus(), true, nil
		}
	}
}

// reapUntil reaps until the child with this pid has ended.
func reapUntil(child int) unix.WaitStatus {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		if pid == child || err != nil && !errors.Is(err, unix.EINTR) {
			return ws
		}
	}
}
