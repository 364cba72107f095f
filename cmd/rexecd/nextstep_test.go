package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAFileThatTheSystemRefusesComesWithANextStep(t *testing.T) {
	file := func(err error) error {
		return fmt.Errorf("key ring: %w", &fs.PathError{Op: "open", Path: "x", Err: err})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{file(syscall.EROFS), "--state DIR"},
		{file(syscall.ENOSPC), "make room"},
		{file(syscall.EACCES), "sudo"},
		{file(syscall.EMFILE), "ulimit -n"},
		{&os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.ENOSPC}, "make room"},
		{&net.OpError{Op: "dial", Net: "unix", Err: syscall.EACCES}, "sudo"},
		{&net.OpError{Op: "listen", Net: "tcp", Err: syscall.EACCES}, ""},
		{file(syscall.EIO), ""},
		{errors.New("no"), ""},
	} {
		if c.want == "" {
			assert.Empty(t, nextStep(c.err), c.err)
		} else {
			assert.Contains(t, nextStep(c.err), c.want, c.err)
		}
	}
}
