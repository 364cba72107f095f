// Package ports gives the suites ports to start daemons on. It leaves it to them to listen there.
package ports

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
)

// Below what Linux takes for the near ends of connections (ip(7), ip_local_port_range): a port that was free there a
// moment ago may be anybody's by the time that a daemon has started.
const (
	first = 10000
	count = 22000
)

var errNone = errors.New("no port is free")

// given keeps the other processes of the suites off the ports that this one was given, also while no daemon listens there,
// yet or any more: each has UDP's port of the same number for as long as the process lives. TCP knows nothing of it.
var given struct {
	sync.Mutex
	tried   int
	sockets []net.PacketConn
}

// Free gives a port at which nobody listens on 127.0.0.1, and which is given to nobody else before this process has ended.
// Processes begin at different ones.
func Free() (int, error) {
	given.Lock()
	defer given.Unlock()
	for range count {
		given.tried++
		port := first + (os.Getpid()*97+given.tried)%count
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		hold, err := net.ListenPacket("udp", address)
		if err != nil {
			_ = l.Close()
			continue
		}
		given.sockets = append(given.sockets, hold)
		return port, l.Close()
	}
	return 0, errNone
}
