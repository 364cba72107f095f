// Package link turns a net.Conn into an authenticated set of streams, for both roles, under a deadline.
//
// It leaves to others what to do with a stream, how to dial and to listen, and where keys are kept. From the wire up:
// a buffered connection (conn.go), TLS 1.3 (channel.go), the proofs of hmacauth, and internal/mux, which then runs until
// the link ends.
package link

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

// Timeout bounds TLS and the proofs together, on each side.
const Timeout = 10 * time.Second

// Link is an authenticated connection; its streams are those of the embedded Conn.
type Link struct {
	*mux.Conn
	Peer   hmacauth.Peer   // daemon: who is there
	Params hmacauth.Params // what M4 said
	Pin    [32]byte        // SHA-256 of the daemon's certificate
	Remote net.Addr
	Local  net.Addr

	channel *channel
	done    chan struct{} // closed when Run returned; err is set then
	err     error
}

// Wait returns when the link has ended: nil after this side's Close, else a *frame.ConnError.
func (l *Link) Wait() error {
	<-l.done
	return l.err
}

// Moved is how many bytes the connection carried so far, TLS included.
func (l *Link) Moved() (sent, received uint64) {
	return l.channel.below.put.Load(), l.channel.below.got.Load()
}

// start runs the multiplexer over the authenticated channel. guard is deferred by the goroutine that reads.
func start(m *mux.Conn, r *bufio.Reader, ch *channel, guard func()) *Link {
	if guard == nil {
		guard = func() {}
	}
	l := &Link{Conn: m, channel: ch, Remote: ch.below.RemoteAddr(), Local: ch.below.LocalAddr(), done: make(chan struct{})}
	ch.worn = func() { m.GoAway(frame.CodeGoingAway, errWorn.Error()) }
	go func() {
		defer guard()
		defer close(l.done)
		l.err = m.Run(r, ch)
	}()
	return l
}

// readFrame reads one frame of the handshake, which the caller's deadline bounds. Nothing behind it is looked at.
func readFrame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(frame.HeaderSize)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	h := frame.ParseHeader(head)
	if h.Length > frame.MaxUnproved {
		return nil, fmt.Errorf("a frame of %d bytes before the proofs, the limit is %d", h.Length, frame.MaxUnproved)
	}
	whole := make([]byte, frame.HeaderSize+int(h.Length))
	if _, err := io.ReadFull(r, whole); err != nil {
		return nil, err // never io.EOF: the header was there
	}
	return whole, nil
}

// binding is what ties the proofs to the channel: the exporter's 32 bytes and the certificate's hash.
func binding(cs tls.ConnectionState, pin [32]byte) (b hmacauth.Binding, err error) {
	e, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32) // RFC 9266
	if err != nil {
		return b, err
	}
	copy(b.Exporter[:], e)
	b.Cert = pin
	return b, nil
}
