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

// listenControl makes the socket. One that an earlier daemon left behind is replaced, a living daemon's is not. Who listens
// does not tell: a daemon that is killed while it starts a command leaves its sockets to that process for as long as
// that has not become the command (vfork(2)). killed: an earlier daemon did not end as it should.
func listenControl(p paths) (l net.Listener, killed bool, err error) {
	path := p.control()
	if len(path) > 100 { // unix(7): 108 bytes with what the system adds
		return nil, false, fmt.Errorf("the path %s is too long for a socket: choose a shorter folder with --state DIR", path)
	}
	unlock, err := secretfile.Lock(path) // of two that start together, the second must not remove the first one's
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	if c, err := net.Dial("unix", path); err == nil {
		alive := listenerLives(c.(*net.UnixConn))
		_ = c.Close()
		if alive {
			return nil, false, p.runningAlready()
		}
	}
	err = os.Remove(path)
	killed = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if l, err = net.Listen("unix", path); err != nil {
		return nil, false, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, false, err
	}
	return l, killed, nil
}

// dialControl connects to the running daemon.
func (p paths) dialControl() (net.Conn, error) {
	c, err := net.Dial("unix", p.control())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNoDaemon
	}
	return c, err
}
