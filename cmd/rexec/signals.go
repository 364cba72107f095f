package main

import (
	"os"
	"os/signal"
	"syscall"
)

// catchSignals brings INT, TERM, HUP and QUIT from here on, but for those that whoever started this process wanted ignored
// (nohup, a script's &).
func catchSignals() (chan os.Signal, func()) {
	c := make(chan os.Signal, 8)
	for _, s := range [...]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	return c, func() { signal.Stop(c) }
}

// alsoCatch brings one more, until it is undone.
func alsoCatch(c chan os.Signal, s os.Signal) (undo func()) {
	signal.Notify(c, s)
	return func() { signal.Reset(s) }
}
