//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// isJournal reports whether f is the stream to the journal that systemd named in $JOURNAL_STREAM (systemd.exec(5)):
// a program started by another service inherits the name, but not always the stream.
func isJournal(f *os.File, named string) bool {
	fi, err := f.Stat()
	if err != nil || named == "" {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && named == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
