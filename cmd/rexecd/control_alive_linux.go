package main

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// listenerLives says whether the process that began to listen at c's other end is still there (SO_PEERCRED, socket(7)).
// What cannot be told counts as there: a process of another namespace, say.
func listenerLives(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var peer *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil || err != nil || peer.Pid <= 0 {
		return true
	}
	return !errors.Is(unix.Kill(int(peer.Pid), 0), unix.ESRCH)
}
