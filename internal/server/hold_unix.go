//go:build unix

package server

import (
	"errors"
	"os"
	"syscall"
)

// hold keeps every other daemon from a folder until f is closed or this process is gone, however it goes (flock(2)).
// false: another one holds it.
func hold(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("flock", err)
}
