package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// control is the pipe's name: pipes have no folders, so the folder of the files is in it.
func (p paths) control() string {
	data, err := filepath.Abs(p.data)
	if err != nil {
		data = p.data
	}
	return fmt.Sprintf(`\\.\pipe\rexecd-%.16x`, sha256.Sum256([]byte(strings.ToLower(data))))
}

// listenControl makes the pipe, which goes with the daemon, however it goes: nothing tells that an earlier one was killed.
func listenControl(p paths) (l net.Listener, killed bool, err error) {
	if c, err := p.dialControl(); err == nil {
		_ = c.Close()
		return nil, false, p.runningAlready()
	}
	l, err = listenPipe(p.control())
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_PIPE_BUSY): // there is one by that name
		return nil, false, p.runningAlready()
	case err != nil:
		return nil, false, fmt.Errorf("control pipe: %w", err)
	}
	return l, false, nil
}

// dialControl connects to the running daemon.
func (p paths) dialControl() (net.Conn, error) {
	c, err := dialPipe(p.control(), controlTime)
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return nil, errNoDaemon
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, fmt.Errorf("the running daemon is another user's: say this as that user, or as an administrator: %w", err)
	case err != nil:
		return nil, err
	}
	return c, nil
}
