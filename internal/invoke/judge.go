package invoke

import (
	"io"

	"rexec/client"
	"rexec/session"
)

// Status is the object of a status file, for callers that write their own.
type Status = status

// Judged is what the end of one command means: what Run would have made of it.
type Judged struct {
	Code   int    // exit code
	Words  string // the error line, without prefix; empty: Code says it all
	Class  string // of a failure that is not the command's own; empty: it is none
	Status Status
}

// Judge judges a command that a caller ran himself, as one of many. result is what is known after Wait, err what Start
// or Wait gave.
func Judge(host string, result session.Result, err error) Judged {
	o := outcome{err: err, result: result}
	code := ExitCode(err, false)
	return Judged{Code: code, Words: o.words(host), Class: o.class(), Status: o.status(host, code)}
}

// Speak writes cmd's words as a host reads them that is said to speak an encoding, as Run does, and tells the daemon what
// the output is decoded with. Of auto, raw and an empty name the words stay as they are.
func Speak(cmd *client.Cmd, encoding string) error {
	_, err := newConversion(Text{Encoding: encoding, Out: true, Err: true}, cmd, sayer{w: io.Discard})
	return err
}
