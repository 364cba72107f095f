package hmacauth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"rexec/frame"
)

// Version is the only protocol version this package speaks.
const Version = 1

const (
	magicClient = "RXC1"
	magicServer = "RXS1"

	nonceSize = 32
	macSize   = sha256.Size
)

// m1 is "RXC1" | u16 ver_min | u16 ver_max | nonce_c[32] | u64 features |
// u8 n | key_id | u8 n | server_id.
type m1 struct {
	verMin, verMax  uint16
	nonce           [nonceSize]byte
	features        uint64
	keyID, serverID string
}

func (m m1) encode() []byte {
	f := newFrame(frame.TypeM1, 50+len(m.keyID)+len(m.serverID))
	f = append(f, magicClient...)
	f = binary.BigEndian.AppendUint16(f, m.verMin)
	f = binary.BigEndian.AppendUint16(f, m.verMax)
	f = append(f, m.nonce[:]...)
	f = binary.BigEndian.AppendUint64(f, m.features)
	f = append(append(f, byte(len(m.keyID))), m.keyID...)
	f = append(append(f, byte(len(m.serverID))), m.serverID...)
	return f
}

// parseM1 judges the versions before anything behind them, which another
// version may lay out in its own way.
func parseM1(whole []byte) (m m1, err error) {
	p, err := payload(whole, frame.TypeM1)
	if err != nil {
		return m, err
	}
	c := cursor{rest: p}
	magic := string(c.take(4))
	m.verMin = c.uint16()
	m.verMax = c.uint16()
	switch {
	case c.short:
		return m, malformed(frame.TypeM1, "payload of %d bytes does not fit its fields", len(p))
	case magic != magicClient:
		return m, malformed(frame.TypeM1, "starts with %q, want %q", magic, magicClient)
	case m.verMin > m.verMax:
		return m, malformed(frame.TypeM1, "versions %d to %d", m.verMin, m.verMax)
	case m.verMin > Version || m.verMax < Version:
		return m, fmt.Errorf("M1: %w: the client has %d to %d, this server %d", ErrVersion, m.verMin, m.verMax, Version)
	}
	copy(m.nonce[:], c.take(nonceSize))
	m.features = c.uint64()
	m.keyID = string(c.take(int(c.uint8())))
	m.serverID = string(c.take(int(c.uint8())))
	if !c.done() {
		return m, malformed(frame.TypeM1, "payload of %d bytes does not fit its fields", len(p))
	}
	if err := ValidateID("key id", m.keyID); err != nil {
		return m, malformed(frame.TypeM1, "%v", err)
	}
	if err := ValidateID("server id", m.serverID); err != nil {
		return m, malformed(frame.TypeM1, "%v", err)
	}
	return m, nil
}

// m2 is "RXS1" | u16 version | u16 0 | nonce_s[32] | u64 features.
type m2 struct {
	version  uint16
	nonce    [nonceSize]byte
	features uint64
}

func (m m2) encode() []byte {
	f := newFrame(frame.TypeM2, 48)
	f = append(f, magicServer...)
	f = binary.BigEndian.AppendUint16(f, m.version)
	f = binary.BigEndian.AppendUint16(f, 0)
	f = append(f, m.nonce[:]...)
	f = binary.BigEndian.AppendUint64(f, m.features)
	return f
}

// parseM2 does not compare it with M1: that is the Client's to do.
func parseM2(whole []byte) (m m2, err error) {
	p, err := payload(whole, frame.TypeM2)
	if err != nil {
		return m, err
	}
	c := cursor{rest: p}
	magic := string(c.take(4))
	m.version = c.uint16()
	reserved := c.uint16()
	copy(m.nonce[:], c.take(nonceSize))
	m.features = c.uint64()
	switch {
	case !c.done():
		return m, malformed(frame.TypeM2, "payload of %d bytes does not fit its fields", len(p))
	case magic != magicServer:
		return m, malformed(frame.TypeM2, "starts with %q, want %q", magic, magicServer)
	case reserved != 0:
		return m, malformed(frame.TypeM2, "reserved field is %d, want 0", reserved)
	}
	return m, nil
}

// M3 is mac_c[32].

func encodeM3(mac [macSize]byte) []byte {
	return append(newFrame(frame.TypeM3, macSize), mac[:]...)
}

func parseM3(whole []byte) (mac [macSize]byte, err error) {
	p, err := payload(whole, frame.TypeM3)
	if err != nil {
		return mac, err
	}
	if len(p) != macSize {
		return mac, malformed(frame.TypeM3, "payload of %d bytes, want %d", len(p), macSize)
	}
	return [macSize]byte(p), nil
}

// M4 is conn_id[16] | u32 max_frame | u32 window | u16 ping_s | u16 ping_n |
// mac_s[32].
const m4Size = 16 + 4 + 4 + 2 + 2 + macSize

// encodeM4 leaves the MAC for the caller to append: it covers the rest, the
// header with its final length included.
func encodeM4(p Params) []byte {
	f := newFrame(frame.TypeM4, m4Size)
	f = append(f, p.ConnID[:]...)
	f = binary.BigEndian.AppendUint32(f, p.MaxFrame)
	f = binary.BigEndian.AppendUint32(f, p.Window)
	f = binary.BigEndian.AppendUint16(f, p.PingSeconds)
	f = binary.BigEndian.AppendUint16(f, p.PingCount)
	return f
}

func parseM4(whole []byte) (v Params, mac [macSize]byte, err error) {
	p, err := payload(whole, frame.TypeM4)
	if err != nil {
		return v, mac, err
	}
	c := cursor{rest: p}
	copy(v.ConnID[:], c.take(len(v.ConnID)))
	v.MaxFrame = c.uint32()
	v.Window = c.uint32()
	v.PingSeconds = c.uint16()
	v.PingCount = c.uint16()
	copy(mac[:], c.take(macSize))
	if !c.done() {
		return v, mac, malformed(frame.TypeM4, "payload of %d bytes, want %d", len(p), m4Size)
	}
	if err := v.Validate(); err != nil {
		return v, mac, malformed(frame.TypeM4, "%v", err)
	}
	return v, mac, nil
}
