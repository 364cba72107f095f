//go:build unix

package localterm

import "os"

// Controlling opens the terminal that this process belongs to, whatever its stdin is.
func Controlling() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
