//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
)

// fewestDescriptors is what a command takes beside the status file: two of Go's runtime, the connection, and what is read
// from files meanwhile.
const fewestDescriptors = 5

// enoughDescriptors is asked before anything is opened: where Go's runtime gets none for itself, it ends the process with
// code 2, which could be the command's.
func enoughDescriptors() error {
	var taken []int
	defer func() {
		for _, fd := range taken {
			_ = syscall.Close(fd)
		}
	}()
	for range fewestDescriptors + 1 {
		fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			return fmt.Errorf("%w (%d more can be opened, %d are needed): raise the limit with ulimit -n", err, len(taken), fewestDescriptors+1)
		}
		if err != nil {
			return nil // no /dev/null: that is not the question here
		}
		taken = append(taken, fd)
	}
	return nil
}

// scarceStatus is where --status-json wants the status, opened without Go's runtime; nil: it cannot be.
func scarceStatus(name string) io.Writer {
	if number, isFD := strings.CutPrefix(name, "fd:"); isFD {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return nil
		}
		return descriptor(n)
	}
	fd, err := syscall.Open(name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil
	}
	return descriptor(fd)
}

// descriptor writes with nothing between it and the system. It stays open until the process ends.
type descriptor int

func (d descriptor) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Write(int(d), p[done:])
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}
