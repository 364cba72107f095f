package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// notSent is how much the kernel takes before it has sent it: enough to keep the path busy between two batches, little
// enough that a message put behind it is not late.
const notSent = 128 << 10

// limitQueue bounds what the kernel queues unsent (tcp(7), TCP_NOTSENT_LOWAT). A connection that is no TCP stays as it
// is.
func limitQueue(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
	})
}
