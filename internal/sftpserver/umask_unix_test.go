//go:build unix

package sftpserver

import (
	"io/fs"
	"syscall"
)

// umask is this process's.
func umask() fs.FileMode {
	m := syscall.Umask(0)
	syscall.Umask(m)
	return fs.FileMode(m)
}
