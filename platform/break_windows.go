package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// CTRL_BREAK can be sent only from inside the console that the command has,
// and a process has one console at most. The daemon may not leave its own,
// and would be told to end with any that it had joined. So a process of its
// own program, which has none, joins for that moment.

// breakWord is the first argument of such a process; the leader's pid and
// those of the other members follow.
const breakWord = "send-ctrl-break"

// AsBreaker does what a process that was started to send CTRL_BREAK is for;
// done says that it was, and with which exit code it is to end. A program
// that starts commands calls it first.
func AsBreaker(args []string) (code int, done bool) {
	if len(args) < 2 || args[0] != breakWord {
		return 0, false
	}
	if err := breakFrom(args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

var (
	kernel32      = windows.NewLazySystemDLL("kernel32.dll")
	attachConsole = kernel32.NewProc("AttachConsole")
	freeConsole   = kernel32.NewProc("FreeConsole")
)

// breakFrom sends CTRL_BREAK to the group of the first pid from each
// console that one of the pids has.
func breakFrom(pids []string) error {
	group, err := strconv.ParseUint(pids[0], 10, 32)
	if err != nil {
		return err
	}
	result := errors.New("it has no console")
	for _, text := range pids {
		pid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		if ok, _, _ := attachConsole.Call(uintptr(pid)); ok == 0 {
			continue
		}
		if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(group)); err == nil {
			result = nil
		} else if result != nil {
			result = os.NewSyscallError("GenerateConsoleCtrlEvent", err)
		}
		_, _, _ = freeConsole.Call()
	}
	return result
}

// sendBreak starts such a process and waits for it.
func sendBreak(leader uint32, members []uint32) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.Background(), breakTime)
	defer cancel()
	cmd := exec.CommandContext(bounded, self, breakWord, strconv.Itoa(int(leader)))
	for _, pid := range members {
		if pid != leader && !isConsoleHost(pid) && len(cmd.Args) < mostBreakers {
			cmd.Args = append(cmd.Args, strconv.Itoa(int(pid)))
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("CTRL_BREAK: %w: %.200q", err, out)
	}
	return nil
}

// breakTime is patience with a busy machine.
const breakTime = 5 * time.Second

// mostBreakers keeps the line short: members of one tree share a console or
// two.
const mostBreakers = 64
