//go:build !linux

package link

import "net"

// limitQueue does nothing where the kernel has no such bound or it was not measured.
func limitQueue(net.Conn) {}
