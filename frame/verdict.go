package frame

import "fmt"

// Kind says how a command ended.
type Kind uint8

// The kinds of VERDICT.
const (
	Exited       Kind = 1 // by itself, Code is its own
	Signaled     Kind = 2 // by a signal that nobody here asked for as an ending
	TimedOut     Kind = 3 // Start.Timeout passed
	Canceled     Kind = 4 // CANCEL
	Disconnected Kind = 5 // the viewer was lost; seen only by who attaches later and by the audit log
	Ended        Kind = 6 // by the daemon; Reason says why
	StartFailed  Kind = 7 // nothing ran; Code is 126, 127 or 255
	Refused      Kind = 8 // nothing ran; policy said no
	Unknown      Kind = 9 // the daemon itself does not know
)

var kindNames = [...]string{"", "exited", "signaled", "timeout", "canceled", "disconnected", "ended", "start_failed",
	"refused", "unknown"}

func (k Kind) String() string {
	if k >= Exited && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Ran reports whether a process was started.
func (k Kind) Ran() bool { return k != StartFailed && k != Refused }

// Held is a set of outputs that were still open elsewhere when the command's result was settled.
type Held uint8

// The members of Held.
const (
	HeldOut Held = 1 // lane 2
	HeldErr Held = 2 // lane 3
)

// Verdict ends every exec stream, after EOF of lanes 2 and 3. Without one the result is not known.
type Verdict struct {
	Kind      Kind   `cbor:"1,keyasint"`
	Code      int64  `cbor:"2,keyasint,omitempty"`  // exit status; Windows: 32 bits, zero-extended
	Signal    string `cbor:"3,keyasint,omitempty"`  // without SIG; empty: none
	Core      bool   `cbor:"4,keyasint,omitempty"`  // a core was dumped
	In        uint64 `cbor:"5,keyasint,omitempty"`  // bytes written to the command's stdin
	Out       uint64 `cbor:"6,keyasint,omitempty"`  // bytes read from its stdout, the final offset of lane 2
	Err       uint64 `cbor:"7,keyasint,omitempty"`  // bytes read from its stderr, the final offset of lane 3
	Held      Held   `cbor:"8,keyasint,omitempty"`  // outputs that something still held open
	Survivors uint32 `cbor:"9,keyasint,omitempty"`  // processes of the tree that outlived the verdict
	Wall      int64  `cbor:"10,keyasint,omitempty"` // microseconds from start to the leader's end
	User      int64  `cbor:"11,keyasint,omitempty"` // microseconds of the leader and the children it waited for
	System    int64  `cbor:"12,keyasint,omitempty"` // microseconds, likewise
	Peak      uint64 `cbor:"13,keyasint,omitempty"` // peak memory in bytes; 0: not known
	Reason    string `cbor:"14,keyasint,omitempty"` // why, for people; from the other side, so escape it
}

// Append writes v's payload behind dst.
func (v Verdict) Append(dst []byte) []byte { return append(dst, marshal(v)...) }

// ParseVerdict reads VERDICT's payload.
func ParseVerdict(p []byte) (Verdict, error) { return unmarshal[Verdict]("verdict", p) }

// Validate refuses an unknown kind, a signaled verdict without a signal and an exited one with one, a signal that
// SIGNAL could not name, bytes where nothing ran, an unknown member of Held, and times that no time.Duration holds.
func (v Verdict) Validate() error {
	switch {
	case v.Kind < Exited || v.Kind > Unknown:
		return fmt.Errorf("verdict: unknown kind %d", uint8(v.Kind))
	case v.Kind == Signaled && v.Signal == "":
		return fmt.Errorf("verdict: signaled without a signal")
	case v.Kind == Exited && v.Signal != "":
		return fmt.Errorf("verdict: exited with signal %q", v.Signal)
	case !v.Kind.Ran() && v.In|v.Out|v.Err != 0:
		return fmt.Errorf("verdict: %v with %d bytes in, %d out, %d err", v.Kind, v.In, v.Out, v.Err)
	case v.Held > HeldOut|HeldErr:
		return fmt.Errorf("verdict: unknown held %d", uint8(v.Held))
	}
	for _, us := range [...]int64{v.Wall, v.User, v.System} {
		if us < 0 || us > maxMicros {
			return fmt.Errorf("verdict: a time of %d us, must be 0 to %d", us, maxMicros)
		}
	}
	if v.Signal != "" {
		return checkSignal("verdict", v.Signal)
	}
	return nil
}
