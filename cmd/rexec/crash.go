package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"rexec/client"
)

// crashed is deferred: a panic of this goroutine is a failure of ours, with the status and the exit code of one. Left to
// itself it would give code 2, which could be the command's.
func (inv *invocation) crashed(code *int) {
	if v := recover(); v != nil {
		*code = inv.fail(inv.mistake(v))
	}
}

// guard is what every goroutine of a connection defers. It ends the process, for what others wait for may never come.
func (inv *invocation) guard(restore func()) func() {
	return func() {
		if v := recover(); v != nil {
			restore()
			os.Exit(inv.fail(&client.UnknownError{Err: inv.mistake(v)}))
		}
	}
}

// mistake prints where a panic came from.
func (inv *invocation) mistake(v any) error {
	fmt.Fprintf(inv.std.err, "%s", debug.Stack())
	return fmt.Errorf("rexec made a mistake (%v): please report it with the lines above", v)
}
