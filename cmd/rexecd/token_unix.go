//go:build unix

package main

import "os"

// openToOthers reports whether what is written to f is in a file that others may read.
func openToOthers(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o077 != 0
}
