package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// nextStep says what to do about a file that the system would not open, write or remove; empty: err says it itself, or
// nobody knows.
func nextStep(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	var socket *net.OpError
	if !errors.As(err, &path) && !errors.As(err, &link) && !(errors.As(err, &socket) && socket.Net == "unix") {
		return ""
	}
	switch {
	case errors.Is(err, syscall.EROFS):
		return "its disk can only be read: name a folder that can be written with --state DIR"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "nothing was changed: make room on its disk"
	case errors.Is(err, fs.ErrPermission):
		return "be the user whose files these are, with sudo perhaps, or name a folder of your own with --state DIR"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise the limit with ulimit -n"
	}
	return ""
}
