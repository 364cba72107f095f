package frame

import (
	"errors"
	"fmt"
)

// ErrStopped is what a lane's writer gets after the peer's STOP, and its reader after its own.
var ErrStopped = errors.New("the reader of this lane stopped")

// ErrClosed is what a lane or stream gives after this side ended it.
var ErrClosed = errors.New("stream closed")

// StreamError ends one stream; its connection and the other streams go on. Text may come from the other side (Remote):
// escape it before showing it.
type StreamError struct {
	Code   Code
	Text   string
	Remote bool // the peer said so, in RESET
}

func (e *StreamError) Error() string { return describe("stream reset", e.Code, e.Text, e.Remote) }

// ConnError ends a connection with all its streams. Err is the cause below, or nil.
type ConnError struct {
	Code   Code
	Text   string
	Remote bool // the peer said so, in GOAWAY
	Err    error
}

func (e *ConnError) Error() string {
	s := describe("connection ended", e.Code, e.Text, e.Remote)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause below.
func (e *ConnError) Unwrap() error { return e.Err }

func describe(what string, c Code, text string, remote bool) string {
	s := what
	if remote {
		s += " by the other side"
	}
	if c != CodeNone {
		s += ": " + c.String()
	}
	if text != "" {
		s += fmt.Sprintf(": %q", text)
	}
	return s
}
