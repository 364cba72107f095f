//go:build !unix

package localterm

import "os"

// Controlling opens the console that this process belongs to, for reading only, whatever its stdin is.
func Controlling() (*os.File, error) { return os.OpenFile("CONIN$", os.O_RDWR, 0) }
