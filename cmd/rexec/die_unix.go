//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// dieOf has this process die of a signal, which a shell's loop takes for its user's wish to stop; an exit code it would
// not. It returns if that does not happen.
func dieOf(s os.Signal) {
	n, ok := s.(syscall.Signal)
	if !ok || n == syscall.SIGQUIT || n == syscall.SIGABRT { // Go's own end by these is a report of all goroutines and code 2, which could be the command's
		return
	}
	signal.Reset(n)
	if syscall.Kill(os.Getpid(), n) == nil {
		time.Sleep(time.Second) // the signal may reach another thread first
	}
}
