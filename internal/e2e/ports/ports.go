// Package ports gives the suites ports to start daemons on. It leaves it to them to listen there.
package ports

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// Below what Linux takes for the near ends of connections (ip(7), ip_local_port_range): a port that was free there a
// moment ago may be anybody's by the time that a daemon has started.
const (
	first = 10000
	count = 22000
)

var errNone = errors.New("no port is free")

// taken is how many ports this process tried so far: none is given twice.
var taken atomic.Uint32

// held keeps the other processes of the suites off the ports that this one was given, also while no daemon listens there,
// yet or any more: each has UDP's port of the same number for as long as the process lives. TCP knows nothing of it.
var held struct {
	sync.Mutex
	sockets []net.PacketConn
}

// Free gives a port at which nobody listens on 127.0.0.1, and which no other process gives before this one has ended.
// Processes begin at different ones.
func Free() (int, error) {
	for range count {
		port := first + int((uint32(os.Getpid())*97+taken.Add(1))%count)
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
		held.Lock()
		held.sockets = append(held.sockets, hold)
		held.Unlock()
		return port, l.Close()
	}
	return 0, errNone
}
