package session

import (
	"fmt"

	"rexec/frame"
)

// Result is what the client knows when the life is over.
type Result struct {
	Started *frame.Started // nil: STARTED did not come
	Verdict frame.Verdict  // Kind 0: none came
	In      uint64         // bytes of stdin put on the wire
	Out     uint64         // bytes of stdout that came, dropped ones included
	Err     uint64         // bytes of stderr that came, dropped ones included

	StoppedOut, StoppedErr bool // this side stopped reading the output: its count is not compared
}

// UnknownError says that the command may have run, to any point, and that its result and output cannot be relied on.
// Err is the *frame.StreamError or *frame.ConnError where there is one.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return "outcome unknown: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// LocalError is a failure of this side's own reader or writer; the verdict in Result is known and true.
type LocalError struct {
	Lane uint8 // frame.LaneIn, LaneOut or LaneErr
	Err  error
}

func (e *LocalError) Error() string {
	switch e.Lane {
	case frame.LaneIn:
		return fmt.Sprintf("read stdin: %v", e.Err)
	case frame.LaneOut:
		return fmt.Sprintf("write stdout: %v", e.Err)
	default:
		return fmt.Sprintf("write stderr: %v", e.Err)
	}
}

// Unwrap gives the reader's or writer's error.
func (e *LocalError) Unwrap() error { return e.Err }

// Canceler is an error of IO.Stdin that names the reason of the CANCEL it causes; any other causes CancelCaller.
type Canceler interface {
	error
	CancelReason() frame.CancelReason
}

// violation is a rule that the daemon broke.
func violation(format string, args ...any) error {
	return &frame.StreamError{Code: frame.CodeProtocol, Text: fmt.Sprintf(format, args...)}
}
