package invoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
	"rexec/session"
)

// outcome is all that is known when it is over.
type outcome struct {
	err      error // nil: it ran and ended with status 0
	result   session.Result
	terminal bool // the command had one

	textIn, textOut, textErr string // what the streams were taken for; empty: that was never decided
}

// class says in a word where a failure that is not the command's own happened; empty: nowhere.
func (o outcome) class() string {
	var refused *client.RefusedError
	var connect *client.ConnectError
	var unknown *client.UnknownError
	var exit *client.ExitError
	var interrupted *Interrupted
	switch {
	case o.err == nil:
		return ""
	case errors.As(o.err, &exit):
		switch exit.Result.Verdict.Kind {
		case frame.StartFailed:
			return "start"
		case frame.Ended, frame.Disconnected:
			return "ended"
		}
		return ""
	case errors.As(o.err, &refused):
		return "refused"
	case errors.As(o.err, &unknown):
		return "unknown"
	case errors.As(o.err, new(*client.UnreachableError)):
		return "connect"
	case errors.As(o.err, &connect):
		if connect.Refused || connect.PinChanged || errors.Is(o.err, hmacauth.ErrBadProof) {
			return "authentication"
		}
		return "connect"
	case errors.As(o.err, &interrupted):
		return "interrupted"
	}
	return "local"
}

// kind is the verdict's, or what stands in its place where none came.
func (o outcome) kind() string {
	if k := o.result.Verdict.Kind; k != 0 {
		return k.String()
	}
	var refused *client.RefusedError
	var unknown *client.UnknownError
	switch {
	case errors.As(o.err, &refused):
		return frame.Refused.String()
	case errors.As(o.err, &unknown):
		return frame.Unknown.String()
	}
	return "not_started"
}

// words are the error line: what happened and what to do next. Empty: the exit code says it all, as with ssh.
func (o outcome) words(host string) string {
	var exit *client.ExitError
	var refused *client.RefusedError
	var connect *client.ConnectError
	var unknown *client.UnknownError
	var interrupted *Interrupted
	var lost *frame.ConnError
	switch {
	case o.err == nil:
		return ""
	case errors.As(o.err, &exit):
		return verdictWords(exit.Result.Verdict)
	case errors.As(o.err, &refused):
		return fmt.Sprintf("refused by the daemon's policy: %s", refused.Reason)
	case errors.Is(o.err, errLeft):
		return "" // whoever left knows
	case errors.As(o.err, &unknown) && o.terminal && errors.As(o.err, &lost):
		return "the connection is lost: " + lostWords(lost)
	case errors.As(o.err, &unknown):
		return fmt.Sprintf("the outcome is unknown, the command may have run: %v; look on the host before you run it again", cause(unknown.Err))
	case errors.As(o.err, &connect):
		return connectWords(connect, host)
	case errors.As(o.err, &interrupted):
		return "" // whoever sent the signal knows
	}
	return strings.ReplaceAll(o.err.Error(), "\n", "; ") // a file may have several faults
}

func verdictWords(v frame.Verdict) string {
	switch v.Kind {
	case frame.Exited:
		if v.Code < 0 || v.Code > 255 {
			return fmt.Sprintf("the command ended with code %d (0x%X), which does not fit into an exit code", v.Code, uint64(v.Code))
		}
	case frame.TimedOut:
		if v.Survivors > 0 { // only a cgroup or a job holds what leaves its process group
			return fmt.Sprintf("the command ran out of time and was ended, but %d of the processes that it started live on", v.Survivors)
		}
		return "the command ran out of time and was ended with all that it started"
	case frame.StartFailed:
		if v.Code == ExitFailure {
			return "the daemon can start nothing: " + v.Reason
		}
		return "cannot start the command: " + v.Reason
	case frame.Ended, frame.Disconnected:
		if v.Reason == "" {
			return "the daemon ended the command"
		}
		return "the daemon ended the command: " + v.Reason
	}
	return ""
}

// lostWords say how a connection ended: who sat in front of a terminal saw what the command did until then.
func lostWords(e *frame.ConnError) string {
	words := e.Text
	if e.Remote || e.Code != frame.CodeNone || words == "" {
		words = e.Error()
	} else if e.Err != nil && !errors.Is(e.Err, io.EOF) && !errors.Is(e.Err, io.ErrUnexpectedEOF) {
		words += ": " + e.Err.Error()
	}
	return words
}

// connectWords are our own where the daemon's answer is one that anybody could have given.
func connectWords(e *client.ConnectError, host string) string {
	var refused *hmacauth.RefusedError
	var dns *net.DNSError
	switch {
	case e.PinChanged:
		return fmt.Sprintf("what answers at %s shows another certificate than the pinned one: somebody may stand in between; "+
			"only if you know that the daemon was set up anew: rexec host trust %s", e.Address, host)
	case errors.As(e.Err, &refused):
		return refusedWords(refused.Code, e.Address)
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("cannot connect to %s: the name %q is not known here: compare the address with rexec host ls, or say -o HostName=ADDRESS", e.Address, dns.Name)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("cannot connect to %s: nobody listens there: see that rexecd runs, and on this port", e.Address)
	}
	return fmt.Sprintf("cannot connect to %s: %v", e.Address, cause(e.Err))
}

func refusedWords(code hmacauth.Refusal, address string) string {
	const unproved = "this answer is not authenticated"
	switch code {
	case hmacauth.RefusalNotAdmitted:
		return fmt.Sprintf("the daemon at %s did not admit this key (%s): compare rexec host ls here with rexecd key ls there", address, unproved)
	case hmacauth.RefusalVersion:
		return fmt.Sprintf("the daemon at %s speaks no version of the protocol that this rexec does (%s): update the older of the two", address, unproved)
	case hmacauth.RefusalBusy:
		return fmt.Sprintf("the daemon at %s is busy, or made this address wait after failed attempts (%s): try again in a moment", address, unproved)
	}
	return fmt.Sprintf("the daemon at %s refused, saying %v (%s): its log says more", address, code, unproved)
}

// cause is err without Go's own words.
func cause(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}
