// Package localterm is this process's own terminal: raw and restored, its size and modes, what is typed and what is shown.
//
// It leaves the remote terminal to platform and session, and what an escape does to whoever carries it out. Escapes and
// Screen know no terminal: they are a filter of bytes typed and a writer of bytes shown.
package localterm

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Is reports whether f is a terminal; a null device and other character devices are none.
func Is(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// ReadSecret writes prompt to w and reads a line from the terminal f without showing it. The terminal is as before
// afterwards; a signal that ends the process in between leaves it without echo (stty sane).
func ReadSecret(f *os.File, w io.Writer, prompt string) (string, error) {
	if _, err := io.WriteString(w, prompt); err != nil {
		return "", err
	}
	line, err := readHidden(f)
	fmt.Fprintln(w) // the Return that was not shown either
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return line, nil
}

// errNothingTyped is the end of a terminal's input, as ^D makes it, instead of a line.
var errNothingTyped = errors.New("nothing was typed")
