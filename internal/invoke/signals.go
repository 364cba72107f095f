package invoke

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"rexec/frame"
)

// names of the signals that Options.Signals brings. Windows has these values too, for what its consoles say.
var signalNames = map[os.Signal]string{os.Interrupt: "INT", syscall.SIGTERM: "TERM", syscall.SIGHUP: "HUP", syscall.SIGQUIT: "QUIT",
	syscall.SIGABRT: "ABRT"}

func signalName(s os.Signal) string {
	if name, ok := signalNames[s]; ok {
		return name
	}
	return "TERM"
}

// signalNamed is the reverse.
func signalNamed(name string, other os.Signal) os.Signal {
	for s, n := range signalNames {
		if n == name {
			return s
		}
	}
	return other
}

func cancelReason(name string) frame.CancelReason {
	switch name {
	case "INT":
		return frame.CancelUser
	case "HUP":
		return frame.CancelHangup
	}
	return frame.CancelTerm
}

// numbers are Linux's, whatever system the command ran on or this is: 128+n is a shell's habit, and one table keeps
// scripts the same everywhere (signal(7), x86 and ARM).
var numbers = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
	"SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17, "CONT": 18,
	"STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27,
	"WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31,
}

// signalNumber is 1 to 127; a signal without a name is its number. 0: there is no such signal here.
func signalNumber(name string) int {
	if n, ok := numbers[name]; ok {
		return n
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 128 {
		return n
	}
	return 0
}

func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
