//go:build unix

package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openAppending opens the log, or makes it: no link in the last place, no wait for the reader of a FIFO, no terminal that
// becomes ours (open(2)).
func openAppending(path string) (*os.File, error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|flags, 0o600)
	if errors.Is(err, unix.ELOOP) { // which the kernel words as too many levels
		err = fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	return f, err
}

// gone is a link count of 0 (unlink(2)).
func (f diskFile) gone() bool {
	var st unix.Stat_t
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	links := true
	err = raw.Control(func(fd uintptr) {
		if unix.Fstat(int(fd), &st) == nil {
			links = st.Nlink > 0
		}
	})
	return err == nil && !links
}

// trusted refuses a file that others could change, or could have made for us.
func trusted(f *os.File, info fs.FileInfo) error {
	path := f.Name()
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may change %s (mode %04o): chmod go-w it", path, info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user id %d, who could change it: chown it", path, st.Uid)
	}
	return nil
}
