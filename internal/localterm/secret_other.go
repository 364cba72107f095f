//go:build !unix

package localterm

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// readHidden reads a line without echo.
func readHidden(f *os.File) (string, error) {
	line, err := term.ReadPassword(int(f.Fd()))
	if errors.Is(err, io.EOF) {
		err = errNothingTyped
	}
	return string(line), err
}
