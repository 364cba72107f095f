package platform

import (
	"fmt"
	"strconv"
	"strings"
)

// StartError is why a command did not start. Its text is for the user.
type StartError struct {
	// NotFound is true when there is no such program (exit code 127), false
	// when there is one that cannot run here, or not like this (126).
	NotFound bool
	// Exhausted is true when any command would have failed: this process or
	// the machine is out of descriptors, processes or memory.
	Exhausted bool
	// Reason is one line; values in it are escaped.
	Reason string
	// Err is the system's error, or nil.
	Err error
}

func (e *StartError) Error() string { return e.Reason }

// Unwrap gives the system's error.
func (e *StartError) Unwrap() error { return e.Err }

// cannot is a StartError of a program that is there, or might be.
func cannot(err error, format string, args ...any) *StartError {
	return &StartError{Reason: fmt.Sprintf(format, args...), Err: err}
}

// notFound is the StartError of a program that is not there.
func notFound(err error, name string) *StartError {
	return &StartError{NotFound: true, Reason: "command not found: " + shown(name), Err: err}
}

// shown quotes a value, cut where nobody would read on.
func shown(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// checkSpec refuses what no system could start.
func checkSpec(spec Spec) error {
	if len(spec.Argv) == 0 {
		return cannot(nil, "no command to start")
	}
	for i, word := range spec.Argv {
		if hasNUL(word) {
			return cannot(nil, "word %d of the command holds a NUL byte: %s", i, shown(word))
		}
	}
	for _, entry := range spec.Env {
		if hasNUL(entry) {
			return cannot(nil, "the environment holds a NUL byte: %s", shown(entry))
		}
	}
	if hasNUL(spec.Path) {
		return cannot(nil, "the program's path holds a NUL byte: %s", shown(spec.Path))
	}
	if hasNUL(spec.Dir) {
		return cannot(nil, "the folder to start in holds a NUL byte: %s", shown(spec.Dir))
	}
	for _, c := range spec.ID {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return cannot(nil, "bad session id %s", shown(spec.ID))
		}
	}
	return checkTerminal(spec.Terminal)
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
