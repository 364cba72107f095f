package link

import (
	"context"
	"errors"
	"io"

	"rexec/frame"
)

// Duplex is lanes 1 and 2 of a stream as one connection whose two directions end apart. Each direction belongs to one
// goroutine at a time; the rest may be called by any.
type Duplex struct {
	stream  *Stream
	in, out uint8 // lanes that this side reads and writes
}

// NewDuplex takes over the lanes of a stream. daemon says which side this is.
func NewDuplex(st *Stream, daemon bool) *Duplex {
	if daemon {
		return &Duplex{st, frame.LaneIn, frame.LaneOut}
	}
	return &Duplex{st, frame.LaneOut, frame.LaneIn}
}

// Done is closed when the stream is over, on both sides or with its connection.
func (d *Duplex) Done() <-chan struct{} { return d.stream.Context().Done() }

// Err is why it is over; nil before, and after an end in good order.
func (d *Duplex) Err() error {
	if err := context.Cause(d.stream.Context()); err != nil && !errors.Is(err, frame.ErrClosed) {
		return err
	}
	return nil
}

// Read gives what came; io.EOF: the other side has written everything.
func (d *Duplex) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := d.stream.Next(context.Background(), d.in)
	if err != nil {
		return 0, err
	}
	n := copy(p, b)
	d.stream.Advance(d.in, n)
	return n, nil
}

// WriteTo writes what comes to w until the other side's end. The credit follows w.
func (d *Duplex) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		b, err := d.stream.Next(context.Background(), d.in)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return total, err
		}
		n, err := w.Write(b)
		total += int64(n)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, err
		}
		d.stream.Advance(d.in, n)
	}
}

// Write waits for room.
func (d *Duplex) Write(p []byte) (int, error) { return d.stream.Write(d.out, p) }

// ReadFrom sends what r gives until its end, which it does not pass on: CloseWrite does.
func (d *Duplex) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		n, err := d.stream.Fill(d.out, r)
		total += int64(n)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return total, err
		}
	}
}

// CloseWrite is the end of what this side writes.
func (d *Duplex) CloseWrite() error { return d.stream.CloseLane(d.out) }

// Close ends both directions in good order: what was written still goes out, for which the other side has to take it; what
// comes is dropped.
func (d *Duplex) Close() error {
	err := d.stream.CloseLane(d.out)
	if err == nil {
		err = d.stream.Flushed(d.stream.Context(), d.out)
	}
	_ = d.stream.Close()
	if errors.Is(err, frame.ErrClosed) {
		return nil // the other side was first
	}
	return err
}

// Abort ends both directions at once and says that what came is not all.
func (d *Duplex) Abort(code frame.Code, text string) { d.stream.Reset(code, text) }
