package session

import (
	"errors"
	"io"
	"syscall"
)

// The codes a write to a pipe without a reader gives.
// https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-
const (
	errBrokenPipe syscall.Errno = 109 // ERROR_BROKEN_PIPE
	errNoData     syscall.Errno = 232 // ERROR_NO_DATA: the pipe is being closed
)

// brokenPipe reports whether a writer failed because nobody reads any more, which is no failure of anybody.
func brokenPipe(err error) bool {
	return errors.Is(err, errBrokenPipe) || errors.Is(err, errNoData) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.ErrClosedPipe)
}
