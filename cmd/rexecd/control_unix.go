//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"rexec/internal/secretfile"
)

func (p paths) control() string { return filepath.Join(p.data, "control") }

// listenControl makes the socket. One that an earlier daemon left behind is replaced, one that answers is not.
func listenControl(p paths) (net.Listener, error) {
	path := p.control()
	if len(path) > 100 { // unix(7): 108 bytes with what the system adds
		return nil, fmt.Errorf("the path %s is too long for a socket: choose a shorter folder with --state DIR", path)
	}
	unlock, err := secretfile.Lock(path) // of two that start together, the second must not remove the first one's
	if err != nil {
		return nil, err
	}
	defer unlock()
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, p.runningAlready()
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// dialControl connects to the running daemon.
func (p paths) dialControl() (net.Conn, error) {
	c, err := net.Dial("unix", p.control())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNoDaemon
	}
	return c, err
}
