package main

import (
	"time"

	"rexec/internal/invoke"
	"rexec/internal/localterm"
	"rexec/internal/sshopt"
)

// terminal is what this process offers a command that gets a terminal; nil: it gets none.
func (inv *invocation) terminal() *invoke.Terminal {
	line, std := inv.line, inv.std
	if !line.WantsTerminal(localterm.Is(std.in)) {
		if line.Terminal == sshopt.TerminalRequest && !line.NoCommand && !inv.report.Quiet {
			inv.warn("Pseudo-terminal will not be allocated because stdin is not a terminal.") // ssh's words, which scripts look for
		}
		return nil
	}
	in := std.in
	if line.NoStdin {
		in = nil
	}
	t := &invoke.Terminal{
		Local:   localterm.Open(in, std.out),
		Name:    localterm.Name(std.getenv("TERM")),
		Escapes: localterm.NoEscapes(),
	}
	if !line.EscapeOff {
		t.Escapes = localterm.NewEscapes(line.Escape)
	}
	const asks = 5 * time.Second // client's, with a terminal
	if ping := line.ServerAliveInterval; ping > 0 {
		t.Quiet = 2 * min(ping, asks)
	}
	return t
}
