//go:build unix

package localterm

import "os"

// Open opens the terminal that this process belongs to, whatever its stdin is.
func Open() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
