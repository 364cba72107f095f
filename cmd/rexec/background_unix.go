//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rexec/internal/invoke"
)

// readyVariable names, for the process that -f starts, the descriptor on which it says that it is connected.
const readyVariable = "REXEC_BACKGROUND"

// goBackground is -f: a second process of this program does the work, and this one ends when that one is connected and the
// daemon has proved itself, so that all that can go wrong up to there is in the exit code, as ssh does it with fork.
func (inv *invocation) goBackground() int {
	exe, err := os.Executable()
	if err != nil {
		return inv.fail(fmt.Errorf("option -f: %w", err))
	}
	ready, say, err := os.Pipe()
	if err != nil {
		return inv.fail(fmt.Errorf("option -f: %w", err))
	}
	defer ready.Close()
	// Under its own number: what else this process was given, such as the descriptor of --status-json fd:3, keeps its
	// number too.
	if _, err := unix.FcntlInt(say.Fd(), unix.F_SETFD, 0); err != nil {
		return inv.fail(fmt.Errorf("option -f: %w", err))
	}
	cmd := &exec.Cmd{
		Path: exe, Args: inv.std.argv, Stdout: inv.std.out, Stderr: inv.std.err,
		Env: append(slices.Clone(inv.std.environ), fmt.Sprintf("%s=%d", readyVariable, say.Fd())),
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	err = cmd.Start()
	_ = say.Close()
	if err != nil {
		return inv.fail(fmt.Errorf("option -f: %w", err))
	}
	connected := make(chan bool, 1)
	go func() { // until the other process says it, or is gone
		n, _ := ready.Read(make([]byte, 1))
		connected <- n == 1
	}()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case ok := <-connected:
			if ok {
				return 0
			}
			return inv.endOf(cmd)
		}
	}
}

// endOf is this process's end where the one in the background failed, which has said why.
func (inv *invocation) endOf(cmd *exec.Cmd) int {
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return inv.fail(fmt.Errorf("option -f: %w", err))
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		dieOf(ws.Signal())
		return invoke.ExitSignal + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// inBackground reports whether this is the process that goBackground started; connected then has to be called when it is
// connected, and moves it out of its terminal's reach. Nobody else learns of the variable.
func inBackground(std *stdio) (connected func(), is bool) {
	text, is := std.lookupEnv(readyVariable)
	if !is {
		return nil, false
	}
	std.environ = slices.DeleteFunc(slices.Clone(std.environ), func(kv string) bool { return strings.HasPrefix(kv, readyVariable+"=") })
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n < 3 {
		return nil, false
	}
	var st unix.Stat_t
	if unix.Fstat(int(n), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, false
	}
	unix.CloseOnExec(int(n))
	f := os.NewFile(uintptr(n), readyVariable)
	return func() {
		_, _ = unix.Setsid()
		_, _ = io.WriteString(f, "c")
		_ = f.Close()
	}, true
}
