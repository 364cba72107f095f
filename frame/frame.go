// Package frame is the bytes on the wire: the header, the limits, and the layout of every message but M1..M4.
//
// It leaves to others what a frame is for: hmacauth owns the four handshake messages, internal/mux decides which
// stream may say what and when, session decides what a message means. A frame is
//
//	u32be payload length | u8 type | u8 lane | u16be stream | payload
//
// and a connection, drawn once:
//
//	client                                        daemon
//	M1 ------------------------------------------>
//	<------------------------------------------ M2
//	M3 ------------------------------------------>
//	<------------------------------------------ M4          (or REFUSED)
//	OPEN "exec", START -------------------------->
//	<----------------------------- ACCEPT, STARTED
//	DATA lane 1, EOF lane 1 --------------------->          each byte lane has its own CREDIT
//	<---------------- DATA lanes 2 and 3, their EOFs
//	<------------------------------------- VERDICT
//	VERDICT_ACK, CLOSE -------------------------->
//	<--------------------------------------- CLOSE          the id may be used again
package frame

import (
	"encoding/binary"
	"fmt"
)

// Type says what a frame is; below 0x80 an unknown one is a protocol error, from 0x80 on it is skipped.
type Type uint8

// The layouts stand on the constants' lines; lane 0 is meant where no lane is named.
const (
	TypeM1      Type = 0x01 // package hmacauth
	TypeM2      Type = 0x02 // package hmacauth
	TypeM3      Type = 0x03 // package hmacauth
	TypeM4      Type = 0x04 // package hmacauth
	TypeRefused Type = 0x05 // u16 code; package hmacauth

	TypeOpen   Type = 0x10 // u8 n | kind[n] | u64 credit | u64 credit
	TypeAccept Type = 0x11 // u64 credit | u64 credit
	TypeReset  Type = 0x12 // u16 code | text, at most 1024 bytes
	TypeClose  Type = 0x13 // empty

	TypeData   Type = 0x20 // lanes 1..3: 1..max_frame bytes
	TypeCredit Type = 0x21 // lanes 1..3: u64 consumed | u64 limit
	TypeEOF    Type = 0x22 // lanes 1..3: u64 final offset
	TypeStop   Type = 0x23 // lanes 1..3: empty

	TypeStart      Type = 0x30 // CBOR, Start (kind exec) or Dial (kind tcp)
	TypeStarted    Type = 0x31 // CBOR, Started or (kind tcp) Connected
	TypeVerdict    Type = 0x32 // CBOR, Verdict
	TypeVerdictAck Type = 0x33 // empty
	TypeResize     Type = 0x34 // u16 rows | u16 cols | u16 xpix | u16 ypix
	TypeSignal     Type = 0x35 // u32 seq | name, 1..16 bytes of [A-Z0-9+]
	TypeCancel     Type = 0x36 // u8 reason
	TypeAttach     Type = 0x37 // CBOR, Attach

	TypePing   Type = 0x40 // u64 opaque; stream 0
	TypePong   Type = 0x41 // the same u64; stream 0
	TypeGoAway Type = 0x42 // u16 code | text, at most 1024 bytes; stream 0
	TypeAway   Type = 0x43 // u32 seconds; stream 0
)

// Skippable is the first type that a reader which does not know it skips.
const Skippable Type = 0x80

// Sizes in bytes.
const (
	HeaderSize       = 8
	MaxUnproved      = 1 << 10   // payload of any frame before authentication
	MaxMessage       = 256 << 10 // payload of any frame but DATA after it
	MinMaxFrame      = 1 << 10   // smallest max_frame a daemon may name
	MaxMaxFrame      = 64 << 10  // largest
	MinWindow        = 64 << 10  // smallest window a daemon may name in M4
	MaxWindow        = 1 << 20   // largest in M4
	MaxCredit        = 16 << 20  // most a lane may ever be ahead of what was consumed
	MaxText          = 1 << 10   // text of RESET and GOAWAY
	MaxStartBehindM3 = 16 << 10  // START that may follow M3 to a pinned daemon
	MaxKind          = 32        // name of a stream's kind
	maxSignal        = 16        // name of a signal
)

// Bounds of a CBOR message beyond its size.
const (
	maxNesting  = 4          // maps and arrays within each other, the message's own map counted
	maxElements = MaxMessage // of an array
	maxPairs    = 512        // of a map; terminal modes are 256 at most
)

// The lanes. Lane 0 carries messages; exec uses 1 to 3, tcp 1 (client to daemon) and 2 (daemon to client).
const (
	LaneMessages uint8 = 0
	LaneIn       uint8 = 1 // always client to daemon: stdin
	LaneOut      uint8 = 2 // always daemon to client: stdout
	LaneErr      uint8 = 3 // always daemon to client: stderr
)

func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}

var typeNames = map[Type]string{
	TypeM1: "M1", TypeM2: "M2", TypeM3: "M3", TypeM4: "M4", TypeRefused: "REFUSED",
	TypeOpen: "OPEN", TypeAccept: "ACCEPT", TypeReset: "RESET", TypeClose: "CLOSE",
	TypeData: "DATA", TypeCredit: "CREDIT", TypeEOF: "EOF", TypeStop: "STOP",
	TypeStart: "START", TypeStarted: "STARTED", TypeVerdict: "VERDICT", TypeVerdictAck: "VERDICT_ACK",
	TypeResize: "RESIZE", TypeSignal: "SIGNAL", TypeCancel: "CANCEL", TypeAttach: "ATTACH",
	TypePing: "PING", TypePong: "PONG", TypeGoAway: "GOAWAY", TypeAway: "AWAY",
}

// Known reports whether this version of the protocol assigns t.
func (t Type) Known() bool { _, ok := typeNames[t]; return ok }

// OnLane reports whether frames of this type name a byte lane (1..3) instead of lane 0.
func (t Type) OnLane() bool { return t >= TypeData && t <= TypeStop }

// OnConnection reports whether frames of this type belong to stream 0.
func (t Type) OnConnection() bool { return t <= TypeRefused || t >= TypePing && t <= TypeAway }

// Header is the first eight bytes of a frame; Length counts the payload alone.
type Header struct {
	Length uint32
	Type   Type
	Lane   uint8
	Stream uint16
}

// Append writes h behind dst.
func (h Header) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, h.Length)
	dst = append(dst, byte(h.Type), h.Lane)
	return binary.BigEndian.AppendUint16(dst, h.Stream)
}

// ParseHeader reads the first HeaderSize bytes of b, which must be there; it checks nothing.
func ParseHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Length: binary.BigEndian.Uint32(b),
		Type:   Type(b[4]),
		Lane:   b[5],
		Stream: binary.BigEndian.Uint16(b[6:]),
	}
}

// Check refuses a header that no later byte can make right, so that its payload is never read: a wrong lane or
// stream for its type, an unknown type below Skippable, a length over the limit or other than the layout's. maxFrame
// bounds DATA; every other type is bounded by MaxMessage.
func (h Header) Check(maxFrame uint32) error {
	limit := uint32(MaxMessage)
	if h.Type == TypeData {
		limit = maxFrame
	}
	switch {
	case h.Length > limit:
		return fmt.Errorf("%v of %d bytes, the limit is %d", h.Type, h.Length, limit)
	case h.Type >= Skippable:
		return nil
	case !h.Type.Known():
		return fmt.Errorf("unknown frame type 0x%02x", uint8(h.Type))
	case h.Type.OnConnection() != (h.Stream == 0):
		return fmt.Errorf("%v on stream %d", h.Type, h.Stream)
	case h.Type.OnLane() != (h.Lane != 0) || h.Lane > LaneErr:
		return fmt.Errorf("%v on lane %d", h.Type, h.Lane)
	}
	least, most := h.Type.sizes()
	if h.Length < least || h.Length > most {
		return fmt.Errorf("%v of %d bytes, must be %s", h.Type, h.Length, sizeRange(least, most))
	}
	return nil
}

// sizes gives the payload lengths the layout of t allows.
func (t Type) sizes() (least, most uint32) {
	switch t {
	case TypeOpen:
		return 1 + 1 + 16, 1 + MaxKind + 16
	case TypeAccept, TypeCredit:
		return 16, 16
	case TypeReset, TypeGoAway:
		return 2, 2 + MaxText
	case TypeClose, TypeStop, TypeVerdictAck:
		return 0, 0
	case TypeData:
		return 1, MaxMaxFrame
	case TypeEOF, TypeResize, TypePing, TypePong:
		return 8, 8
	case TypeSignal:
		return 4 + 1, 4 + maxSignal
	case TypeCancel:
		return 1, 1
	case TypeAway:
		return 4, 4
	case TypeRefused:
		return 2, 2
	case TypeM1, TypeM2, TypeM3, TypeM4:
		return 1, MaxUnproved
	default: // the CBOR messages
		return 1, MaxMessage
	}
}

func sizeRange(least, most uint32) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}
