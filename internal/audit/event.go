package audit

import (
	"fmt"
	"time"
)

// Event is what happened. The words are in the log and never change their meaning.
type Event string

// The closed list.
const (
	DaemonStarted     Event = "daemon.started"
	DaemonStopped     Event = "daemon.stopped"
	DaemonReloaded    Event = "daemon.reloaded"
	KeysChanged       Event = "keys.changed"         // needs Keys
	ConnectionRefused Event = "connection.refused"   // a wrong proof, a foreign protocol, a key that may not
	Admitted          Event = "connection.admitted"  // the key is proved
	CommandAccepted   Event = "command.accepted"     // before the process starts; needs Command
	CommandRefused    Event = "command.refused"      // by the key's limits; needs Command
	StartFailed       Event = "command.start_failed" // accepted or not, nothing ran; needs Command
	CommandEnded      Event = "command.ended"        // needs End
	ForwardAccepted   Event = "forward.accepted"     // before the daemon connects; needs Forward
	ForwardRefused    Event = "forward.refused"      // by the key's limits; needs Forward
	ForwardFailed     Event = "forward.failed"       // the address could not be reached; needs Forward
	ForwardEnded      Event = "forward.ended"        // needs End
)

// Record is one event. Empty strings, nil and 0 are left out of the line unless said otherwise.
type Record struct {
	Event   Event
	Session string
	Key     string
	Remote  string
	User    string
	Rule    string
	Reason  string
	LeftOut uint64   // of the same source, not written
	Names   []string // of the daemon
	Command *Command
	End     *End
	Keys    *Keys
	Forward *Forward
}

// Forward is a connection that the daemon makes for a client.
type Forward struct {
	Address string // as it was asked for
	Origin  string // what the client says it is for
}

// Command is what runs, or was to run. With Argv, Line and Subsystem empty it is a login shell.
type Command struct {
	Argv      []string
	Line      string
	Subsystem string
	Asked     string // what was asked for, where that is something else
	Forced    bool   // it is the key's own
	Cwd       string
	Env       []string // names, never values
	Words     string   // encoding that the words came in, and stand here decoded; empty: they stand as they came
	Terminal  *Terminal
	Request   []byte
}

// Terminal is what a command's terminal starts with; all of it is written.
type Terminal struct {
	Term       string
	Rows, Cols uint16
}

// End is how a command ended; all of it is written, but for an empty Signal.
type End struct {
	Kind         string
	Code         int64
	Signal       string // without SIG
	In, Out, Err uint64 // bytes
	Survivors    uint32 // processes it left behind
	Wall         time.Duration
}

// Keys are ids of keys that came, went, or have other secrets or limits.
type Keys struct{ Added, Removed, Changed []string }

// check refuses what is not of the list, and details that belong to another event or are missing.
func (r Record) check() error {
	var command, end, keys, forward bool
	switch r.Event {
	case CommandAccepted, CommandRefused, StartFailed:
		command = true
	case ForwardAccepted, ForwardRefused, ForwardFailed:
		forward = true
	case CommandEnded, ForwardEnded:
		end = true
	case KeysChanged:
		keys = true
	case DaemonStarted, DaemonStopped, DaemonReloaded, ConnectionRefused, Admitted:
	default:
		return fmt.Errorf("unknown event %q", r.Event)
	}
	if command != (r.Command != nil) || end != (r.End != nil) || keys != (r.Keys != nil) ||
		forward != (r.Forward != nil) {
		return fmt.Errorf("event %q with the details of another", r.Event)
	}
	return nil
}
