package platform

import (
	"os"

	"golang.org/x/sys/unix"
)

// widePipe is what a pipe of a command that writes in bulk is made to hold.
const widePipe = 1 << 20

// widen makes a pipe hold more. A user without privileges who has many wide
// pipes already gets no more (pipe(7), pipe-user-pages-soft): this one then
// stays as it is.
func widen(f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, widePipe) })
}
