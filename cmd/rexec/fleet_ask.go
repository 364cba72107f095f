package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"rexec/internal/fleet"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
)

// confirm asks a person about many hosts; a script is not asked.
func (m *many) confirm() error {
	limit := m.opt.fleet.confirmAbove
	if limit < 0 {
		limit = confirmAbove
		if said := m.defaults.confirmAbove; said != nil {
			limit = *said
		}
	}
	if m.opt.fleet.yes || len(m.Hosts) <= limit || m.line.BatchMode || !localterm.Is(m.std.in) || !localterm.Is(m.std.err) {
		return nil
	}
	set, err := names(m.Hosts)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.std.err, "rexec: run on %d hosts, %s? [y/N] ", len(m.Hosts), invoke.Line(set.String()))
	answer, err := readAnswer(m.std.in)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was run")
}

// askPassword asks for sudo's, once for all hosts. Where nobody sits, hosts that want one will say so.
func (m *many) askPassword(signals <-chan os.Signal) error {
	if !m.opt.fleet.become {
		return nil
	}
	m.Become = &fleet.Become{}
	if m.line.BatchMode {
		return nil
	}
	tty, err := localterm.Controlling()
	if err != nil {
		return nil
	}
	defer tty.Close()
	restore, err := localterm.Remember(tty)
	if err != nil {
		return nil
	}
	where := io.Writer(tty)
	if localterm.Is(m.std.err) {
		where = m.std.err
	}
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := localterm.ReadSecret(tty, where, fmt.Sprintf("sudo's password on %s (not shown): ", hostCount(len(m.Hosts))))
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		m.Become.Password = []byte(a.text)
		return a.err
	case s := <-signals: // what reads the terminal ends with this process
		restore()
		fmt.Fprintln(where)
		return &invoke.Interrupted{Signal: s}
	}
}

// unasked ends where no password came.
func (m *many) unasked(err error) int {
	code := m.fail(err)
	var by *invoke.Interrupted
	if errors.As(err, &by) {
		dieOf(by.Signal)
	}
	return code
}

// readAnswer takes a line and nothing of what is behind it.
func readAnswer(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		if n > 0 && b[0] != '\n' {
			line = append(line, b[0])
		} else if n > 0 || errors.Is(err, io.EOF) {
			return string(line), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func hostCount(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}

// dryRun shows what would run where.
func (m *many) dryRun() int {
	for _, h := range m.Hosts {
		words, err := m.Preview(h)
		if err != nil {
			return m.fail(fmt.Errorf("host %s: %w", h.Name, err))
		}
		fmt.Fprintf(m.std.out, "%s\t%s\t%s\n", h.Name, h.Config.Address, invoke.Line(words))
	}
	if !m.report.Quiet {
		_ = m.screen.Say(hostCount(len(m.Hosts)) + ", nothing was run")
	}
	return 0
}
