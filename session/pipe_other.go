//go:build !windows

package session

import (
	"errors"
	"io"
	"syscall"
)

// brokenPipe reports whether a writer failed because nobody reads any more, which is no failure of anybody.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
