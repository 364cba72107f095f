package platform

import (
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ignoredSignals lists the signals this process ignores at this moment
// (SigIgn of /proc/self/status); where that is not to be had, INT and QUIT.
func ignoredSignals() []os.Signal {
	var list []os.Signal
	b, _ := os.ReadFile("/proc/self/status")
	_, rest, ok := strings.Cut(string(b), "\nSigIgn:")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if !ok || err != nil {
		return []os.Signal{unix.SIGINT, unix.SIGQUIT}
	}
	for n := 1; n <= 64; n++ {
		if set&(1<<(n-1)) != 0 {
			list = append(list, unix.Signal(n))
		}
	}
	return list
}

// closeOnExec keeps what we inherited ourselves from the commands.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
