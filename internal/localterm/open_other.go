//go:build !unix

package localterm

import "os"

// Open opens the console that this process belongs to, for reading only, whatever its stdin is.
func Open() (*os.File, error) { return os.OpenFile("CONIN$", os.O_RDWR, 0) }
