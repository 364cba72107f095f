package hmacauth

import (
	"encoding/binary"
	"fmt"

	"rexec/frame"
)

// newFrame starts a frame of the handshake: the header for a payload of size
// bytes, which the caller appends. Stream and lane are 0.
func newFrame(t frame.Type, size int) []byte {
	f := make([]byte, 0, frame.HeaderSize+size)
	return frame.Header{Length: uint32(size), Type: t}.Append(f)
}

// payload checks the header of one whole frame.
func payload(whole []byte, want frame.Type) ([]byte, error) {
	if len(whole) < frame.HeaderSize {
		return nil, malformed(want, "%d bytes are no frame", len(whole))
	}
	h, body := frame.ParseHeader(whole), whole[frame.HeaderSize:]
	switch {
	case h.Type != want:
		return nil, malformed(want, "got %v", h.Type)
	case h.Lane != 0 || h.Stream != 0:
		return nil, malformed(want, "is on stream %d, lane %d, want 0 and 0", h.Stream, h.Lane)
	case uint64(h.Length) != uint64(len(body)):
		return nil, malformed(want, "header says %d bytes, payload has %d", h.Length, len(body))
	}
	return body, nil
}

func malformed(in frame.Type, format string, args ...any) error {
	return fmt.Errorf("%v: %w: %s", in, ErrProtocol, fmt.Sprintf(format, args...))
}

// cursor reads fields in order. Past the end it gives zeros and remembers.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.short, c.rest = true, nil
		return make([]byte, n)
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint8() uint8   { return c.take(1)[0] }
func (c *cursor) uint16() uint16 { return binary.BigEndian.Uint16(c.take(2)) }
func (c *cursor) uint32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) uint64() uint64 { return binary.BigEndian.Uint64(c.take(8)) }

// done reports whether the fields took exactly all bytes.
func (c *cursor) done() bool { return !c.short && len(c.rest) == 0 }
