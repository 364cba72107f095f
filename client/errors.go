package client

import (
	"fmt"

	"rexec/frame"
	"rexec/session"
)

// ExitError says that the command did not end with status 0: it failed, was ended, or could not be started.
type ExitError struct {
	Result session.Result
}

func (e *ExitError) Error() string {
	v := e.Result.Verdict
	switch v.Kind {
	case frame.Exited:
		return fmt.Sprintf("exit status %d", v.Code)
	case frame.Signaled:
		s := "signal SIG" + v.Signal
		if v.Core {
			s += " (core dumped)"
		}
		return s
	case frame.StartFailed:
		return v.Reason
	case frame.TimedOut:
		return "timed out"
	}
	if v.Reason != "" {
		return fmt.Sprintf("%v: %s", v.Kind, v.Reason)
	}
	return v.Kind.String()
}

// ConnectError says that there is no connection; nothing was started.
type ConnectError struct {
	Address    string
	Refused    bool // the daemon did not admit this key; its answer is not authenticated
	PinChanged bool // the daemon shows another certificate than the pinned one
	Err        error
}

func (e *ConnectError) Error() string { return fmt.Sprintf("connect to %s: %v", e.Address, e.Err) }

// Unwrap gives the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// RefusedError says that the daemon knows this key and that its policy says no; nothing was started.
type RefusedError struct {
	Reason string // the daemon's words
}

func (e *RefusedError) Error() string { return "refused: " + e.Reason }

// UnknownError says that the connection ended before the result was in: the command may have run, to any point, and
// output that came may be cut.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return "outcome unknown: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// LocalError says that this side could not read the command's input or write its output; the result is known.
type LocalError struct {
	Result session.Result
	Err    error
}

func (e *LocalError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *LocalError) Unwrap() error { return e.Err }

// UnreachableError says that the daemon could not connect to where Forward was to lead.
type UnreachableError struct {
	Address string
	Reason  string // the daemon's words
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the daemon cannot connect to %s: %s", e.Address, e.Reason)
}

// BrokenError says that a connection made by Forward ended before all had come.
type BrokenError struct {
	Address string
	Reason  string // in the daemon's words if they are known
	Err     error
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the connection to %s broke: %s", e.Address, e.Reason)
}

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.Err }
