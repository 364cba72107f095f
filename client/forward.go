package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rexec/frame"
	"rexec/internal/link"
)

// Conn is a connection that the daemon made. Its two directions end apart: CloseWrite ends the one, io.EOF of Read is the
// end of the other, and nothing else is: any other error says that not all came. One goroutine may read while another
// writes. Whoever is done with it calls Close, or Abort.
type Conn struct {
	*duplex
	address string
}

type duplex = link.Duplex

// Address is what was reached, as the daemon's system writes it.
func (c *Conn) Address() string { return c.address }

// Abort ends both directions at once; the far end sees a reset.
func (c *Conn) Abort(error) { c.duplex.Abort(frame.CodeCanceled, "") }

// Read gives what came from there. io.EOF is its end; a *BrokenError says that there was more.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.duplex.Read(p)
	return n, c.broken(err)
}

// WriteTo is Read into w until the end.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	n, err := c.duplex.WriteTo(w)
	return n, c.broken(err)
}

// Write waits for room.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.duplex.Write(p)
	return n, c.broken(err)
}

// ReadFrom is Write of what r gives until its end, which is not passed on: CloseWrite does.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.duplex.ReadFrom(r)
	return n, c.broken(err)
}

// Err is why it is over; nil before, and after an end in good order.
func (c *Conn) Err() error { return c.broken(c.duplex.Err()) }

// broken puts the stream's own errors into words; those of a reader or writer stay.
func (c *Conn) broken(err error) error {
	var stream *frame.StreamError
	var conn *frame.ConnError
	switch {
	case errors.As(err, &stream) && stream.Text != "":
		return &BrokenError{Address: c.address, Reason: stream.Text, Err: err}
	case errors.As(err, &stream), errors.As(err, &conn):
		return &BrokenError{Address: c.address, Reason: err.Error(), Err: err}
	}
	return err
}

// Forward has the daemon connect to host:port, if the key allows it. origin says in its audit log what the connection is
// for, such as the address of a local program; empty: nothing. ctx bounds the connecting alone.
func (c *Client) Forward(ctx context.Context, address, origin string) (*Conn, error) {
	dial := frame.Dial{Network: "tcp", Address: address, Origin: origin}
	if err := dial.Validate(); err != nil {
		return nil, err
	}
	var st *link.Stream
	begin := func(m *link.Conn) (err error) {
		if st, err = m.Open(frame.KindTCP, [2]uint64{window, 0}, false); err != nil {
			return err
		}
		return st.Send(frame.TypeStart, dial.Append(nil))
	}
	made, err := c.connect(ctx, begin)
	if err != nil {
		var unknown *UnknownError
		if errors.As(err, &unknown) { // of a command; what a connection might have done, nobody asked it for yet
			return nil, &ConnectError{Address: c.cfg.Address, Err: unknown.Err}
		}
		return nil, err
	}
	if !made {
		c.mu.Lock()
		l := c.link
		c.mu.Unlock()
		if err := begin(l.Conn); err != nil {
			return nil, c.forwardError(address, err)
		}
	}
	reached, err := reached(ctx, st)
	if err != nil {
		st.Reset(frame.CodeCanceled, "")
		return nil, c.forwardError(address, err)
	}
	return &Conn{link.NewDuplex(st, false), reached.Address}, nil
}

// reached waits for the daemon's answer.
func reached(ctx context.Context, st *link.Stream) (frame.Connected, error) {
	for {
		t, p, err := st.Recv(ctx)
		switch {
		case err != nil:
			return frame.Connected{}, err
		case t == frame.TypeStarted:
			return frame.ParseConnected(p)
		case t < frame.Skippable:
			return frame.Connected{}, fmt.Errorf("%v in answer to START", t)
		}
	}
}

func (c *Client) forwardError(address string, err error) error {
	var stream *frame.StreamError
	var conn *frame.ConnError
	switch {
	case errors.As(err, &conn) && conn.Remote && conn.Code == frame.CodeRefused:
		return &RefusedError{Reason: conn.Text}
	case errors.As(err, &stream) && stream.Remote:
		if gone := c.gone(); gone != nil {
			return gone
		}
		switch stream.Code {
		case frame.CodeRefused:
			return &RefusedError{Reason: stream.Text}
		case frame.CodeUnreachable:
			return &UnreachableError{Address: address, Reason: stream.Text}
		}
	}
	return &ConnectError{Address: c.cfg.Address, Err: err}
}
