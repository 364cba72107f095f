package frame

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Open asks for a stream. Credit holds, in lane order, how many bytes beyond its starting offset the sender takes on
// each byte lane it receives: exec {lane 2, lane 3}, tcp {lane 2, 0}.
type Open struct {
	Kind   string
	Credit [2]uint64
}

// Append writes o's payload behind dst.
func (o Open) Append(dst []byte) []byte {
	dst = append(dst, byte(len(o.Kind)))
	dst = append(dst, o.Kind...)
	return appendCredits(dst, o.Credit)
}

// ParseOpen reads OPEN's payload.
func ParseOpen(p []byte) (o Open, err error) {
	if len(p) < 1+1+16 || len(p) != 1+int(p[0])+16 {
		return o, fmt.Errorf("open: %d bytes do not hold a kind and two credits", len(p))
	}
	n := int(p[0])
	o = Open{Kind: string(p[1 : 1+n])}
	o.Credit = readCredits(p[1+n:])
	if err := o.Validate(); err != nil {
		return Open{}, err
	}
	return o, nil
}

// Validate refuses a kind that is not 1..32 bytes of [a-z0-9._@-] and a credit above MaxCredit.
func (o Open) Validate() error {
	if len(o.Kind) == 0 || len(o.Kind) > MaxKind {
		return fmt.Errorf("open: a kind of %d bytes, must be 1 to %d", len(o.Kind), MaxKind)
	}
	for _, c := range []byte(o.Kind) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '@' || c == '-') {
			return fmt.Errorf("open: kind %q has a byte outside [a-z0-9._@-]", o.Kind)
		}
	}
	return checkCredits("open", o.Credit)
}

// Accept answers Open; Credit is meant as there: exec {lane 1, 0}, tcp {lane 1, 0}.
type Accept struct {
	Credit [2]uint64
}

// Append writes a's payload behind dst.
func (a Accept) Append(dst []byte) []byte { return appendCredits(dst, a.Credit) }

// ParseAccept reads ACCEPT's payload.
func ParseAccept(p []byte) (a Accept, err error) {
	if len(p) != 16 {
		return Accept{}, fmt.Errorf("accept: %d bytes, must be 16", len(p))
	}
	a.Credit = readCredits(p)
	if err := a.Validate(); err != nil {
		return Accept{}, err
	}
	return a, nil
}

// Validate refuses a credit above MaxCredit.
func (a Accept) Validate() error { return checkCredits("accept", a.Credit) }

func appendCredits(dst []byte, c [2]uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, c[0]), c[1])
}

func readCredits(p []byte) [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}
}

func checkCredits(what string, c [2]uint64) error {
	for _, v := range c {
		if v > MaxCredit {
			return fmt.Errorf("%s: a first credit of %d bytes, the most is %d", what, v, MaxCredit)
		}
	}
	return nil
}

// Ending is the payload of RESET and of GOAWAY. Text is for people and comes from the other side: escape its control
// characters before showing it.
type Ending struct {
	Code Code
	Text string
}

// Append writes e's payload behind dst; a text over MaxText is cut at a character's start.
func (e Ending) Append(dst []byte) []byte {
	text := e.Text
	if len(text) > MaxText {
		cut := MaxText
		for back := range utf8.UTFMax { // further back there is no character that reaches the limit
			if utf8.RuneStart(text[MaxText-back]) {
				cut = MaxText - back
				break
			}
		}
		text = text[:cut]
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(e.Code)), text...)
}

// ParseEnding reads the payload of RESET or GOAWAY; a text that is not UTF-8 is taken as it is.
func ParseEnding(p []byte) (Ending, error) {
	if len(p) < 2 || len(p) > 2+MaxText {
		return Ending{}, fmt.Errorf("ending: %d bytes, must be 2 to %d", len(p), 2+MaxText)
	}
	return Ending{Code: Code(binary.BigEndian.Uint16(p)), Text: string(p[2:])}, nil
}

// Credit is absolute: Consumed bytes of the lane have been consumed, bytes below Limit may be sent.
type Credit struct {
	Consumed, Limit uint64
}

// Append writes c's payload behind dst.
func (c Credit) Append(dst []byte) []byte {
	return appendCredits(dst, [2]uint64{c.Consumed, c.Limit})
}

// ParseCredit reads CREDIT's payload; that it never goes back is for the lane to see.
func ParseCredit(p []byte) (Credit, error) {
	if len(p) != 16 {
		return Credit{}, fmt.Errorf("credit: %d bytes, must be 16", len(p))
	}
	c := Credit{Consumed: binary.BigEndian.Uint64(p), Limit: binary.BigEndian.Uint64(p[8:])}
	if err := c.Validate(); err != nil {
		return Credit{}, err
	}
	return c, nil
}

// Validate refuses a limit below consumed or more than MaxCredit beyond it.
func (c Credit) Validate() error {
	if c.Limit < c.Consumed || c.Limit-c.Consumed > MaxCredit {
		return fmt.Errorf("credit: consumed %d, limit %d: must be 0 to %d apart", c.Consumed, c.Limit, MaxCredit)
	}
	return nil
}

// AppendUint64 writes the payload of EOF (a final offset), PING or PONG behind dst.
func AppendUint64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// ParseUint64 reads the payload of EOF, PING or PONG.
func ParseUint64(p []byte) (uint64, error) {
	if len(p) != 8 {
		return 0, fmt.Errorf("%d bytes for a 64-bit number", len(p))
	}
	return binary.BigEndian.Uint64(p), nil
}

// AppendAway writes AWAY's payload behind dst: for how many seconds the silence of the sender means nothing.
func AppendAway(dst []byte, seconds uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, seconds)
}

// ParseAway reads AWAY's payload.
func ParseAway(p []byte) (seconds uint32, err error) {
	if len(p) != 4 {
		return 0, fmt.Errorf("away: %d bytes, must be 4", len(p))
	}
	return binary.BigEndian.Uint32(p), nil
}

// Size is RESIZE's payload: a terminal in characters, and in pixels or 0 where they are not known.
type Size struct {
	Rows uint16 `cbor:"1,keyasint"`
	Cols uint16 `cbor:"2,keyasint"`
	XPix uint16 `cbor:"3,keyasint,omitempty"`
	YPix uint16 `cbor:"4,keyasint,omitempty"`
}

// Append writes s's payload behind dst.
func (s Size) Append(dst []byte) []byte {
	for _, v := range [...]uint16{s.Rows, s.Cols, s.XPix, s.YPix} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return dst
}

// ParseSize reads RESIZE's payload; any numbers are taken, whoever sets a terminal's size clamps them.
func ParseSize(p []byte) (Size, error) {
	if len(p) != 8 {
		return Size{}, fmt.Errorf("resize: %d bytes, must be 8", len(p))
	}
	at := func(i int) uint16 { return binary.BigEndian.Uint16(p[2*i:]) }
	return Size{Rows: at(0), Cols: at(1), XPix: at(2), YPix: at(3)}, nil
}

// Signal asks for a signal to the command's group. Seq counts the client's signals from 1, so that after a lost
// connection none is delivered twice. Name has no SIG in front.
type Signal struct {
	Seq  uint32
	Name string
}

// Append writes s's payload behind dst.
func (s Signal) Append(dst []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, s.Seq), s.Name...)
}

// ParseSignal reads SIGNAL's payload; whether a signal of that name exists is the receiving system's to say.
func ParseSignal(p []byte) (Signal, error) {
	if len(p) < 4+1 || len(p) > 4+maxSignal {
		return Signal{}, fmt.Errorf("signal: %d bytes, must be 5 to %d", len(p), 4+maxSignal)
	}
	s := Signal{Seq: binary.BigEndian.Uint32(p), Name: string(p[4:])}
	if s.Seq == 0 {
		return Signal{}, fmt.Errorf("signal: number 0, they count from 1")
	}
	if err := s.Validate(); err != nil {
		return Signal{}, err
	}
	return s, nil
}

// Validate refuses a name that is not 1..16 bytes of [A-Z0-9+]; the number is given when the signal is sent.
func (s Signal) Validate() error { return checkSignal("signal", s.Name) }

func checkSignal(what, name string) error {
	if len(name) == 0 || len(name) > maxSignal {
		return fmt.Errorf("%s: a signal's name of %d bytes, must be 1 to %d", what, len(name), maxSignal)
	}
	for _, c := range []byte(name) {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+') {
			return fmt.Errorf("%s: signal %q has a byte outside [A-Z0-9+]", what, name)
		}
	}
	return nil
}

// ParseCancel reads CANCEL's payload; an unknown reason is taken as it is.
func ParseCancel(p []byte) (CancelReason, error) {
	if len(p) != 1 {
		return 0, fmt.Errorf("cancel: %d bytes, must be 1", len(p))
	}
	return CancelReason(p[0]), nil
}
