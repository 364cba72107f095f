package frame

import (
	"fmt"
	"strings"
)

// Dial is START on a stream of kind tcp: where the daemon is to connect to.
type Dial struct {
	Network string `cbor:"1,keyasint"`           // "tcp" or "unix"
	Address string `cbor:"2,keyasint"`           // host:port, or a path
	Origin  string `cbor:"3,keyasint,omitempty"` // where the client's side of it came from, for the log
}

// Append writes d's payload behind dst.
func (d Dial) Append(dst []byte) []byte { return append(dst, marshal(d)...) }

// ParseDial reads START's payload of a tcp stream.
func ParseDial(p []byte) (Dial, error) { return unmarshal[Dial]("dial", p) }

// Validate refuses an unknown network and an address that is empty or has a NUL byte.
func (d Dial) Validate() error {
	if d.Network != "tcp" && d.Network != "unix" {
		return fmt.Errorf("dial: unknown network %q", d.Network)
	}
	if d.Address == "" || strings.IndexByte(d.Address, 0) >= 0 {
		return fmt.Errorf("dial: address %q", d.Address)
	}
	return nil
}

// Connected is STARTED on a stream of kind tcp: the daemon reached the address.
type Connected struct {
	Session []byte `cbor:"1,keyasint"`           // 16 bytes, names the connection in the audit log
	Address string `cbor:"2,keyasint,omitempty"` // what was reached, as the daemon's system writes it
}

// Append writes c's payload behind dst.
func (c Connected) Append(dst []byte) []byte { return append(dst, marshal(c)...) }

// ParseConnected reads STARTED's payload of a tcp stream.
func ParseConnected(p []byte) (Connected, error) { return unmarshal[Connected]("connected", p) }

// Validate refuses a session id of a length other than 16.
func (c Connected) Validate() error {
	if len(c.Session) != 16 {
		return fmt.Errorf("connected: a session id of %d bytes, must be 16", len(c.Session))
	}
	return nil
}
