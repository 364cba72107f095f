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
