package hmacauth

import (
	"encoding/binary"
	"errors"
	"fmt"

	"rexec/frame"
)

// Refusal is the code of a REFUSED frame.
type Refusal uint16

const (
	RefusalNotAdmitted Refusal = 1 // wrong key, unknown key id, wrong server id: all the same to the client
	RefusalVersion     Refusal = 2 // no common version
	RefusalBusy        Refusal = 3 // too many connections, or a penalty runs
)

func (r Refusal) String() string {
	switch r {
	case RefusalNotAdmitted:
		return "not admitted"
	case RefusalVersion:
		return "no common protocol version"
	case RefusalBusy:
		return "busy"
	}
	return fmt.Sprintf("code %d", uint16(r))
}

// RefusalOf says which REFUSED answers an error of a Server. false: none does,
// the connection ends without a word.
func RefusalOf(err error) (Refusal, bool) {
	switch {
	case errors.Is(err, ErrVersion):
		return RefusalVersion, true
	case errors.Is(err, ErrBadProof), errors.Is(err, ErrWrongServer):
		return RefusalNotAdmitted, true
	case errors.Is(err, ErrBusy):
		return RefusalBusy, true
	}
	return 0, false
}

// RefusedFrame is the whole frame "REFUSED u16 code".
func RefusedFrame(code Refusal) []byte {
	f := newFrame(frame.TypeRefused, 2)
	return binary.BigEndian.AppendUint16(f, uint16(code))
}

// refusedInstead gives the error for a REFUSED frame where M2 or M4 was due,
// nil for any other frame.
func refusedInstead(whole []byte) error {
	if len(whole) < frame.HeaderSize || frame.ParseHeader(whole).Type != frame.TypeRefused {
		return nil
	}
	p, err := payload(whole, frame.TypeRefused)
	if err != nil {
		return err
	}
	if len(p) != 2 {
		return malformed(frame.TypeRefused, "payload of %d bytes, want 2", len(p))
	}
	return &RefusedError{Code: Refusal(binary.BigEndian.Uint16(p))}
}

// RefusedError is a REFUSED frame where M2 or M4 was due. Nothing vouches for
// it: anyone on the path of an unpinned connection can send one.
type RefusedError struct {
	Code Refusal
}

// Error is meant for the user.
func (e *RefusedError) Error() string {
	next := "the daemon's log says more"
	switch e.Code {
	case RefusalNotAdmitted:
		next = "compare the key id, its secret and the server's name with \"rexecd key ls\" on the server, or add its token again"
	case RefusalVersion:
		next = "update the older of rexec and rexecd"
	case RefusalBusy:
		next = "try again in a moment"
	}
	return fmt.Sprintf("refused: %v (the answer is not authenticated); %s", e.Code, next)
}
