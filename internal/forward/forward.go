// Package forward copies between two connections it is given, both ways, until both have said all.
//
// It leaves to others who may connect to what, and how: a Listener asks its caller for the far connection, knowing of the
// near one only where it came from and, with SOCKS, where it wants to go.
package forward
