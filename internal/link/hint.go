package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// PinError says that the daemon's certificate is not the one stored for it.
type PinError struct{ Got [32]byte }

func (e *PinError) Error() string {
	return fmt.Sprintf("the daemon's certificate (it shows %x) is not the pinned one: somebody may stand in between; "+
		"only if you know that the daemon was set up anew: rexec host trust NAME", e.Got[:8])
}

// hint is one line for a user who got no link: what the other side seems to be, and what to do next. Empty: err says
// that itself. A peer's own bytes are quoted.
func hint(at Stage, err error) string {
	switch at {
	case StageChannel:
		return channelHint(err)
	case StageUnknown:
		return fmt.Sprintf("the connection was lost after the command had been sent (%v): whether it ran is unknown", err)
	default:
		return proofHint(err)
	}
}

// channelHint is about a peer with which there is no TLS.
func channelHint(err error) string {
	var pinned *PinError
	var canceled *canceledError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &pinned), errors.As(err, &canceled):
		return ""
	case errors.As(err, &record):
		switch head := string(record.RecordHeader[:]); head {
		case "SSH-2", "SSH-1":
			return "an ssh server answers there, not rexecd: check the port"
		case "HTTP/":
			return "an HTTP server answers there, not rexecd: check the port"
		default:
			return fmt.Sprintf("what answers there is not rexecd (it begins with %q): check the port", head)
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "what answers there stays silent: check that the port is rexecd's, else try again in a moment"
	case isCut(err):
		return "the connection was closed at once: check that the port is rexecd's; if it is, the daemon is busy or does " +
			"not take this address, so try again in a moment or read its log"
	default:
		return fmt.Sprintf("a TLS server answers there that does not speak rexec/1 (%v): check the port", err)
	}
}

// proofHint is about a peer that speaks rexec/1, or at least TLS that says so.
func proofHint(err error) string {
	var canceled *canceledError
	switch {
	case errors.As(err, &canceled):
		return ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the daemon fell silent during the proofs: try again; if that stays so, read its log"
	case isCut(err):
		return "the daemon cut the connection during the proofs: try again; if that stays so, read its log"
	}
	return ""
}

// canceledError is the cause of a context that ended: it says what it says, not what the other side is.
type canceledError struct{ cause error }

func (e *canceledError) Error() string { return e.cause.Error() }
func (e *canceledError) Unwrap() error { return e.cause }

// isCut reports whether the connection ended below TLS. Reset and broken pipe have other numbers on each system; net
// names the call that failed on all of them.
func isCut(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op) && (op.Op == "read" || op.Op == "write")
}
