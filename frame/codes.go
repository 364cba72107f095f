package frame

import "fmt"

// Code says in RESET why a stream, or in GOAWAY why a connection, ends. Numbers are never reused.
type Code uint16

// The codes of RESET and GOAWAY share one table.
const (
	CodeNone         Code = 0  // no reason given
	CodeProtocol     Code = 1  // the peer broke a rule of this protocol
	CodeUnknownKind  Code = 2  // OPEN of a kind this daemon does not serve
	CodeNotSupported Code = 3  // known, and not built or not switched on here
	CodeOverload     Code = 4  // more messages or streams than the bound
	CodeGoingAway    Code = 5  // the OPEN crossed a GOAWAY: nothing was started, try elsewhere or again
	CodeRefused      Code = 6  // the key ring or a limit says no; the text says which
	CodeCanceled     Code = 7  // the opener has no more interest
	CodeInternal     Code = 8  // a failure of the sender's own
	CodeShutdown     Code = 9  // the daemon ends
	CodeIdle         Code = 10 // nothing was open for too long
	CodeUnreachable  Code = 11 // tcp: the address could not be reached
)

var codeNames = [...]string{"no reason", "protocol error", "unknown kind", "not supported", "overload", "going away",
	"refused", "canceled", "internal error", "shutting down", "idle", "unreachable"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// CancelReason is the payload of CANCEL: why the client wants the whole tree ended.
type CancelReason uint8

// The reasons of CANCEL.
const (
	CancelUser    CancelReason = 1 // second ^C
	CancelGoodbye CancelReason = 2 // ~. at a terminal
	CancelHangup  CancelReason = 3 // the client's terminal hung up
	CancelTerm    CancelReason = 4 // the client got TERM
	CancelCaller  CancelReason = 5 // the caller's context ended
	CancelText    CancelReason = 6 // input that the host's encoding cannot say
)

// Kinds of stream, the name in OPEN.
const (
	KindExec   = "exec"
	KindTCP    = "tcp"
	KindListen = "listen"
)
