package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"rexec/client"
	"rexec/internal/fleet"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
)

// prompt is rexec with a node set and no command, at a terminal: each line that is typed runs on all hosts, over
// connections that stay, and the answers are folded.
func (m *many) prompt(ctx context.Context) int {
	if m.opt.argv || m.opt.fleet.retryFailed != "" {
		return m.fail(errors.New("options --argv and --retry-failed need a command"))
	}
	if err := m.confirm(); err != nil {
		return m.fail(err)
	}
	signals, restore := catchSignals()
	defer restore()
	if err := m.askPassword(signals); err != nil {
		return m.unasked(err)
	}
	set, err := names(m.Hosts)
	if err != nil {
		return m.fail(err)
	}
	_ = m.screen.Say(fmt.Sprintf("each line runs on %s, %v; exit or ^D leaves", hostCount(len(m.Hosts)), set))
	m.Keep = &fleet.Connections{}
	defer m.Keep.Close()
	m.Signals = signals
	code := 0
	editor := localterm.NewEditor(m.std.in, m.std.err, invoke.Line(m.line.Host)+"> ")
	m.Guard = m.guard(editor.Restore) // connections live on while a line is typed
	for {
		t, by := m.readLine(editor, signals)
		if by != nil {
			editor.Restore()
			m.Keep.Close()
			dieOf(by)
			return invoke.ExitCode(&invoke.Interrupted{Signal: by}, false)
		}
		if errors.Is(t.err, io.EOF) {
			fmt.Fprintln(m.std.err)
			return code
		}
		if t.err != nil {
			return m.fail(t.err)
		}
		line := strings.TrimSpace(t.line)
		switch line {
		case "":
			continue
		case "exit", "quit", "logout":
			return code
		}
		m.Command = func(ctx context.Context, c *client.Client, h fleet.Host) *client.Cmd {
			cmd := m.hostCommand(ctx, c, h)
			if shell := m.entries[h.Index].Shell; len(shell) > 0 {
				cmd.Argv = append(append([]string{}, shell...), line)
			} else {
				cmd.Line = line
			}
			return cmd
		}
		code = m.answer(ctx)
	}
}

// answer runs one line. Where all is well, the answers say it.
func (m *many) answer(ctx context.Context) int {
	for _, h := range m.Hosts {
		if _, err := m.Preview(h); err != nil {
			return m.fail(fmt.Errorf("host %s: %w", h.Name, err))
		}
	}
	code, die := m.run(ctx)
	if die != nil && die != os.Interrupt && die != syscall.SIGQUIT {
		dieOf(die)
	}
	return code
}

// typed is a line, or why there is none.
type typed struct {
	line string
	err  error
}

// readLine reads one, or gives a signal that came meanwhile and ends the prompt.
func (m *many) readLine(editor *localterm.Editor, signals <-chan os.Signal) (t typed, by os.Signal) {
	read := make(chan typed, 1)
	go func() {
		line, err := editor.ReadLine()
		read <- typed{line, err}
	}()
	for {
		select {
		case t := <-read:
			return t, nil
		case by := <-signals:
			if by != os.Interrupt { // which is a key here
				return typed{}, by // what reads the terminal ends with this process
			}
		}
	}
}
