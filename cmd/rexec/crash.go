package main

import (
	"fmt"
	"runtime/debug"
)

// crashed is deferred: a panic of this goroutine is a failure of ours, with the status and the exit code of one. Left to
// itself it would give code 2, which could be the command's.
func (inv *invocation) crashed(code *int) {
	if v := recover(); v != nil {
		fmt.Fprintf(inv.std.err, "%s", debug.Stack())
		*code = inv.fail(fmt.Errorf("rexec made a mistake (%v): please report it with the lines above", v))
	}
}
