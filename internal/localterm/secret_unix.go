//go:build unix

package localterm

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// readHidden reads a line without echo. It is not x/term's, which reads on for ever when the terminal says that it ended:
// on ^D, and without pause on one that was hung up.
func readHidden(f *os.File) (string, error) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return "", err
	}
	hidden := *was
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return "", err
	}
	defer func() { _ = unix.IoctlSetTermios(fd, setTermios, was) }()
	var line []byte
	for b := make([]byte, 1); ; {
		switch n, err := unix.Read(fd, b); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", err
		case n == 0 && len(line) == 0:
			return "", errNothingTyped
		case n == 0, b[0] == '\n':
			return string(line), nil
		case b[0] == '\b' && len(line) > 0: // where the erase key is another
			line = line[:len(line)-1]
		case b[0] != '\b' && b[0] != '\r':
			line = append(line, b[0])
		}
	}
}
