//go:build unix

package platform

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Prepare gives this process what every command shall inherit from it, once,
// before the first Start: umask 022; no signal ignored, as INT and QUIT are
// when a script started the daemon with "&"; no descriptor but 0, 1 and 2.
// SIGPIPE no longer ends this process. An inherited "ignored" becomes "caught
// and dropped", which exec turns into the default; a handler the caller
// installs is not in the way. stop takes umask and signals back.
func Prepare() (stop func()) {
	mask := unix.Umask(0o022)
	dropped := make(chan os.Signal, 1)
	signal.Notify(dropped, append(ignoredSignals(), unix.SIGPIPE)...)
	closeOnExec()
	return func() {
		signal.Stop(dropped)
		unix.Umask(mask)
	}
}
