package link

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// alpn names the protocol inside TLS. Go's server takes a client that offers none, so both sides check.
const alpn = "rexec/1"

// AES-GCM is safe for 2^24 records of 16 KiB under one key (RFC 8446 section 5.5); at recordsWorn the link asks for its
// end, at recordsMost it ends.
const (
	recordSize  = 16 << 10
	recordsWorn = 1<<24 - 1<<20
	recordsMost = 1<<24 - 1<<10
)

// lastWords is how long a Write may still take once the link has failed.
const lastWords = time.Second

// channel is TLS over the buffered connection; mux writes batches of frames to it.
type channel struct {
	*tls.Conn
	below    *conn
	deadline time.Time    // of the handshake
	sent     atomic.Int64 // records; at least as many as TLS made, but for those below full size at its start
	received atomic.Int64 // reads that gave something; at least as many as records with data came
	worn     func()       // called once when recordsWorn are sent or received; nil during the handshake
	told     atomic.Bool
	speaks   atomic.Bool // TLS is up, so that words of ours get through
}

// Write sends a batch in as few system calls as it needs.
func (c *channel) Write(p []byte) (int, error) {
	if err := c.wear(&c.sent, int64(len(p)/recordSize)+1); err != nil {
		return 0, err
	}
	c.below.hold()
	n, err := c.Conn.Write(p)
	if ferr := c.below.flush(); err == nil {
		err = ferr
	}
	return n, err
}

func (c *channel) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if werr := c.wear(&c.received, 1); werr != nil {
			return n, werr
		}
	}
	return n, err
}

func (c *channel) wear(count *atomic.Int64, by int64) error {
	total := count.Add(by)
	if total >= recordsWorn && c.worn != nil && c.told.CompareAndSwap(false, true) {
		c.worn()
	}
	if total >= recordsMost {
		return errWorn
	}
	return nil
}

var errWorn = errors.New("the connection carried all that its keys may protect: connect again")

// CloseWrite says that nothing more comes, in TLS and below it. It takes at most the 5 s that TLS gives its last word.
func (c *channel) CloseWrite() error {
	err := c.Conn.CloseWrite()
	if half, ok := c.below.Conn.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, half.CloseWrite())
	}
	return err
}

// Close ends the connection at once. TLS's own Close would first wait for a Write that hangs, to say goodbye.
func (c *channel) Close() error { return c.below.Conn.Close() }

// SetReadDeadline is how mux ends its reader: with one that has passed. The reader may be waiting for the writer, in
// whose way it wants to send an alert or a key update; so that bounds writing too.
func (c *channel) SetReadDeadline(t time.Time) error {
	if now := time.Now(); !t.IsZero() && t.Before(now) {
		_ = c.below.SetWriteDeadline(now.Add(lastWords))
	}
	return c.below.SetReadDeadline(t)
}

// bound sets the handshake's deadline.
func (c *channel) bound(timeout time.Duration) {
	if timeout == 0 {
		timeout = Timeout
	}
	c.deadline = time.Now().Add(timeout)
	_ = c.below.SetDeadline(c.deadline)
}

// cancel ends the handshake, whatever it waits for.
func (c *channel) cancel() { _ = c.below.SetDeadline(time.Unix(1, 0)) }

// proved lifts the handshake's deadline and its economy.
func (c *channel) proved() {
	_ = c.below.SetDeadline(time.Time{})
	c.below.lends = true
	limitQueue(c.below.Conn)
}

// checkState holds for both sides what this protocol asks of TLS.
func checkState(cs tls.ConnectionState) error {
	switch {
	case cs.Version != tls.VersionTLS13:
		return fmt.Errorf("TLS version %s, must be TLS 1.3", tls.VersionName(cs.Version))
	case cs.NegotiatedProtocol != alpn:
		return fmt.Errorf("TLS carries protocol %q, must be %q", cs.NegotiatedProtocol, alpn)
	case cs.DidResume:
		return errors.New("TLS was resumed")
	}
	return nil
}

// clientChannel makes the client's TLS. pin nil: any certificate, which the proofs then judge.
func clientChannel(nc net.Conn, pin []byte) *channel {
	below := newConn(nc)
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13,
		NextProtos:             []string{alpn},
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // no names and no authorities: VerifyConnection and the proofs decide
		VerifyConnection: func(cs tls.ConnectionState) error {
			if err := checkState(cs); err != nil {
				return err
			}
			if n := len(cs.PeerCertificates); n != 1 {
				return fmt.Errorf("%d certificates, must be one", n)
			}
			if got := sha256.Sum256(cs.PeerCertificates[0].Raw); pin != nil && string(got[:]) != string(pin) {
				return &PinError{Got: got}
			}
			below.hold() // TLS's last flight, which nothing answers, goes out with M1
			return nil
		},
	}
	return &channel{Conn: tls.Client(below, cfg), below: below}
}

// serverChannel makes the daemon's TLS.
func serverChannel(nc net.Conn, id *Identity) *channel {
	below := newConn(nc)
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13,
		NextProtos:             []string{alpn},
		SessionTicketsDisabled: true,
		Certificates:           []tls.Certificate{id.cert},
		VerifyConnection:       checkState,
	}
	return &channel{Conn: tls.Server(below, cfg), below: below}
}
