//go:build unix

package platform

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mostHeld is more than any system holds between the two ends of a terminal:
// Linux 4 KiB that a read can have at once and 8 KiB on the way there.
const mostHeld = 64 << 10

// readTerminal is Read of a terminal. Linux says EIO where a pipe ends.
func (o *Output) readTerminal(b []byte) (int, error) {
	o.mu.Lock()
	n := copy(b, o.ahead)
	o.ahead = o.ahead[n:]
	o.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	n, err := o.f.Read(b)
	if errors.Is(err, unix.EIO) {
		err = io.EOF
	}
	return n, err
}

// drainTerminal is Pending of a terminal. FIONREAD does not count what is
// still on its way from one end to the other (Linux, tty_buffer.c), but a
// read that would block first waits for that to arrive. So it is read here,
// kept for Read, and counted.
func (o *Output) drainTerminal() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	conn, err := o.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var inner error
	b := make([]byte, 4<<10)
	err = conn.Control(func(fd uintptr) {
		for len(o.ahead) < mostHeld {
			var n int
			n, inner = unix.Read(int(fd), b)
			if errors.Is(inner, unix.EINTR) {
				continue
			}
			if n <= 0 {
				return
			}
			o.ahead = append(o.ahead, b[:n]...)
		}
	})
	if err != nil {
		return 0, os.ErrClosed // the only way for Control to fail, which words it otherwise
	}
	if errors.Is(inner, unix.EAGAIN) || errors.Is(inner, unix.EIO) {
		inner = nil // nothing more, now or ever
	}
	return len(o.ahead), inner
}
