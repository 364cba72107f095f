package invoke

import (
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
