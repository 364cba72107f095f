package frame

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// OnLost says what happens to the tree when the viewer is lost.
type OnLost uint8

// The values of Start.OnLost.
const (
	OnLostDefault OnLost = 0 // as the key says, else the table of PROTOCOL.md
	OnLostTree    OnLost = 1 // the whole tree ends
	OnLostHangup  OnLost = 2 // the leader's group gets HUP
	OnLostNone    OnLost = 3 // nothing is signalled
)

// LingerForever in Start.Linger waits for end of file on both outputs, as ssh does.
const LingerForever int64 = -1

// What a time.Duration holds: more would turn negative where it is used.
const (
	maxMillis = math.MaxInt64 / int64(time.Millisecond)
	maxMicros = math.MaxInt64 / int64(time.Microsecond)
)

// Start says what to run: Argv, or Line for the user's shell, or Subsystem, or none of them for a login shell. Words
// are bytes: any but NUL travels.
type Start struct {
	Argv       []string  `cbor:"1,keyasint,omitempty"`  // program and arguments, no shell
	Line       string    `cbor:"2,keyasint,omitempty"`  // for `$SHELL -c`
	Env        []string  `cbor:"3,keyasint,omitempty"`  // NAME=VALUE; one the daemon does not take refuses the command
	Cwd        string    `cbor:"4,keyasint,omitempty"`  // empty: the user's home folder
	User       string    `cbor:"5,keyasint,omitempty"`  // empty: the key's, else the daemon's own
	Terminal   *Terminal `cbor:"6,keyasint,omitempty"`  // nil: pipes
	Encoding   string    `cbor:"7,keyasint,omitempty"`  // what the client will decode with; recorded only
	NoStdin    bool      `cbor:"8,keyasint,omitempty"`  // lane 1 carries nothing, the child gets the null device
	Timeout    int64     `cbor:"9,keyasint,omitempty"`  // milliseconds; 0: none
	Linger     int64     `cbor:"10,keyasint,omitempty"` // milliseconds after the leader's end; 0: none; -1: for ever
	Keep       int64     `cbor:"11,keyasint,omitempty"` // milliseconds the command outlives a lost viewer; 0: not at all
	OnLost     OnLost    `cbor:"12,keyasint,omitempty"`
	Request    []byte    `cbor:"13,keyasint,omitempty"` // 16 bytes chosen by the client, the same at every try
	FirstTry   int64     `cbor:"14,keyasint,omitempty"` // milliseconds since the first try with this Request
	Subsystem  string    `cbor:"15,keyasint,omitempty"` // "sftp"
	EnvOffered []string  `cbor:"16,keyasint,omitempty"` // NAME=VALUE; one the daemon does not take is dropped, as ssh's SendEnv
	Systems    []System  `cbor:"17,keyasint,omitempty"` // lines by system, the daemon takes its own; Line is for all others
	Words      string    `cbor:"18,keyasint,omitempty"` // encoding of the words, for a daemon that needs UTF-8; empty: that, or any bytes
}

// System is the line for hosts of one system: a client that starts the same on many need not ask each first.
type System struct {
	OS   string `cbor:"1,keyasint"` // "linux", "windows", "darwin", ..., as in Started
	Line string `cbor:"2,keyasint"`
}

// For gives what runs on a system, with Line settled and Systems nil. ok false: s names systems, and not this one, and has
// no Line.
func (s Start) For(os string) (settled Start, ok bool) {
	systems := s.Systems
	s.Systems = nil
	for _, sys := range systems {
		if sys.OS == os {
			s.Line = sys.Line
			return s, true
		}
	}
	return s, len(systems) == 0 || s.Line != ""
}

// Terminal is what a remote terminal starts with.
type Terminal struct {
	Term  string           `cbor:"1,keyasint,omitempty"` // TERM; empty: unset
	Size  Size             `cbor:"2,keyasint"`
	Modes map[uint8]uint32 `cbor:"3,keyasint,omitempty"` // RFC 4254 section 8 opcodes; nil: the system's defaults
}

// Append writes s's payload behind dst.
func (s Start) Append(dst []byte) []byte { return append(dst, marshal(s)...) }

// ParseStart reads START's payload of an exec stream.
func ParseStart(p []byte) (Start, error) { return unmarshal[Start]("start", p) }

// Validate refuses what can never run: more than one of Argv, Line or Systems, and Subsystem, a system that is named
// twice or has no line, NUL in a word, an environment entry without a name, times below zero or beyond a time.Duration, an
// unknown OnLost, a Request of a length other than 16.
func (s Start) Validate() error {
	ways := 0
	for _, is := range [...]bool{len(s.Argv) > 0, s.Line != "" || len(s.Systems) > 0, s.Subsystem != ""} {
		if is {
			ways++
		}
	}
	if ways > 1 {
		return fmt.Errorf("start: argv, shell line and subsystem exclude each other")
	}
	for i, w := range s.Argv {
		if strings.IndexByte(w, 0) >= 0 {
			return fmt.Errorf("start: word %d (%q) has a NUL byte", i, w)
		}
	}
	for _, f := range [...]struct{ what, text string }{
		{"shell line", s.Line}, {"cwd", s.Cwd}, {"user", s.User}, {"encoding", s.Encoding}, {"subsystem", s.Subsystem},
		{"encoding of the words", s.Words},
	} {
		if strings.IndexByte(f.text, 0) >= 0 {
			return fmt.Errorf("start: %s %q has a NUL byte", f.what, f.text)
		}
	}
	for i, sys := range s.Systems {
		named := func(o System) bool { return o.OS == sys.OS }
		switch {
		case sys.OS == "" || sys.Line == "" || strings.IndexByte(sys.OS+sys.Line, 0) >= 0:
			return fmt.Errorf("start: the line %q of system %q: neither may be empty or have a NUL byte", sys.Line, sys.OS)
		case slices.ContainsFunc(s.Systems[:i], named):
			return fmt.Errorf("start: system %q has two lines", sys.OS)
		}
	}
	for _, list := range [...][]string{s.Env, s.EnvOffered} {
		for _, kv := range list {
			if strings.IndexByte(kv, '=') < 1 || strings.IndexByte(kv, 0) >= 0 {
				return fmt.Errorf("start: environment entry %q is not NAME=VALUE", kv)
			}
		}
	}
	for _, f := range [...]struct {
		what      string
		ms, least int64
	}{
		{"timeout", s.Timeout, 0}, {"linger", s.Linger, LingerForever}, {"keep", s.Keep, 0}, {"first try", s.FirstTry, 0},
	} {
		if f.ms < f.least || f.ms > maxMillis {
			return fmt.Errorf("start: %s %d ms, must be %d to %d", f.what, f.ms, f.least, maxMillis)
		}
	}
	switch {
	case s.OnLost > OnLostNone:
		return fmt.Errorf("start: unknown on_lost %d", s.OnLost)
	case len(s.Request) != 0 && len(s.Request) != 16:
		return fmt.Errorf("start: a request id of %d bytes, must be 16", len(s.Request))
	case s.Terminal != nil && strings.IndexByte(s.Terminal.Term, 0) >= 0:
		return fmt.Errorf("start: terminal name %q has a NUL byte", s.Terminal.Term)
	}
	return nil
}

// Containment is what holds the tree together.
type Containment uint8

// The values of Started.Containment.
const (
	ContainGroup  Containment = 1 // the leader's process group
	ContainCgroup Containment = 2 // a cgroup v2 folder
	ContainJob    Containment = 3 // a Windows job object
)

func (c Containment) String() string {
	switch c {
	case ContainGroup:
		return "group"
	case ContainCgroup:
		return "cgroup"
	case ContainJob:
		return "job"
	}
	return fmt.Sprintf("containment %d", uint8(c))
}

// Started answers START and ATTACH before the first DATA.
type Started struct {
	Session     []byte      `cbor:"1,keyasint"`            // 16 bytes
	Pid         int64       `cbor:"2,keyasint,omitempty"`  // the leader's
	OS          string      `cbor:"3,keyasint,omitempty"`  // "linux", "windows", "darwin", ...
	Shell       string      `cbor:"4,keyasint,omitempty"`  // the shell that reads the line; empty: none
	Encoding    string      `cbor:"5,keyasint,omitempty"`  // what the command speaks
	Containment Containment `cbor:"6,keyasint,omitempty"`  //
	Offsets     [3]uint64   `cbor:"7,keyasint"`            // where lanes 1, 2, 3 go on; 0 0 0 after START
	Epoch       uint64      `cbor:"8,keyasint,omitempty"`  // counts the viewers that started or attached as primary
	Keep        int64       `cbor:"9,keyasint,omitempty"`  // milliseconds granted
	Note        string      `cbor:"10,keyasint,omitempty"` // something the user should know, e.g. that home is missing
}

// Append writes s's payload behind dst.
func (s Started) Append(dst []byte) []byte { return append(dst, marshal(s)...) }

// ParseStarted reads STARTED's payload of an exec stream.
func ParseStarted(p []byte) (Started, error) { return unmarshal[Started]("started", p) }

// Validate refuses a session id of a length other than 16, a pid below zero and a keep that no time.Duration holds.
func (s Started) Validate() error {
	switch {
	case len(s.Session) != 16:
		return fmt.Errorf("started: a session id of %d bytes, must be 16", len(s.Session))
	case s.Pid < 0:
		return fmt.Errorf("started: pid %d is below zero", s.Pid)
	case s.Keep < 0 || s.Keep > maxMillis:
		return fmt.Errorf("started: keep %d ms, must be 0 to %d", s.Keep, maxMillis)
	}
	return nil
}

// Attach takes up a session that is already running, in place of START.
type Attach struct {
	Session    []byte    `cbor:"1,keyasint"`           // 16 bytes
	Epoch      *uint64   `cbor:"2,keyasint,omitempty"` // the epoch last had; nil: any
	Out        *uint64   `cbor:"3,keyasint,omitempty"` // offset wanted of lane 2; nil: the oldest held
	Err        *uint64   `cbor:"4,keyasint,omitempty"` // offset wanted of lane 3; nil: the oldest held
	In         [2]uint64 `cbor:"5,keyasint"`           // range of lane 1 that the client still holds
	LastSignal uint32    `cbor:"6,keyasint,omitempty"` // seq of the last SIGNAL sent; 0: none
	Watch      bool      `cbor:"7,keyasint,omitempty"` // true: look on; false: be the primary viewer
	Size       *Size     `cbor:"8,keyasint,omitempty"` // nil: no terminal
}

// Append writes a's payload behind dst.
func (a Attach) Append(dst []byte) []byte { return append(dst, marshal(a)...) }

// ParseAttach reads ATTACH's payload.
func ParseAttach(p []byte) (Attach, error) { return unmarshal[Attach]("attach", p) }

// Validate refuses a session id of a length other than 16 and a range that ends before it begins.
func (a Attach) Validate() error {
	if len(a.Session) != 16 {
		return fmt.Errorf("attach: a session id of %d bytes, must be 16", len(a.Session))
	}
	if a.In[1] < a.In[0] {
		return fmt.Errorf("attach: lane 1 from %d to %d ends before it begins", a.In[0], a.In[1])
	}
	return nil
}

// EqualRequest reports whether two STARTs are tries of the same request; an absent id equals none.
func EqualRequest(a, b []byte) bool { return len(a) == 16 && bytes.Equal(a, b) }
