//go:build unix

package platform

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// signalNumber gives the signal of a name without SIG, as in RFC 4254,
// section 6.10, and every other name the system has.
func signalNumber(name string) (unix.Signal, error) {
	n := unix.SignalNum("SIG" + name)
	if n == 0 {
		return 0, fmt.Errorf("unknown signal %s", shown(name))
	}
	return n, nil
}

// signalName is the reverse; a signal without a name is its number.
func signalName(n unix.Signal) string {
	if name := unix.SignalName(n); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(n))
}

// signalGroup signals a process group. That nobody is left to take the
// signal is no failure: macOS says EPERM of a group of zombies.
func signalGroup(group int, n unix.Signal) error {
	err := unix.Kill(-group, n)
	if errors.Is(err, unix.ESRCH) || onlyZombies(err) {
		return nil
	}
	return err
}
