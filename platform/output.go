package platform

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Output is the reading end of what a command writes. io.EOF says that
// nobody holds the writing end any more, which may be long after the leader
// ended.
type Output struct {
	f    *os.File
	wide atomic.Bool // what bulk output needs was done

	term  *terminal // nil: a pipe
	mu    sync.Mutex
	ahead []byte // of a terminal: read by Pending, not yet by Read
}

// fullPipe is what a pipe holds unless it is told otherwise (pipe(7)).
const fullPipe = 64 << 10

// Read gives what the command wrote, or blocks until there is something. A
// command that fills its pipe once gets a larger one, where there is such a
// thing: fewer turns between it and the daemon, an eighth less processor time
// for a gigabyte. Most commands never do, and so an idle one holds no more.
func (o *Output) Read(b []byte) (int, error) {
	if o.term != nil {
		return o.readTerminal(b)
	}
	n, err := o.f.Read(b)
	if n >= fullPipe && !o.wide.Swap(true) {
		widen(o.f)
	}
	return n, err
}

// SetReadDeadline makes Read fail with os.ErrDeadlineExceeded from t on, a
// Read that is blocked too; the zero time means never.
func (o *Output) SetReadDeadline(t time.Time) error { return o.f.SetReadDeadline(t) }

// Pending is how many bytes can be read without blocking. Not beside a Read.
func (o *Output) Pending() (int, error) {
	if o.term != nil {
		return o.drainTerminal()
	}
	conn, err := o.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	var inner error
	if conn.Control(func(fd uintptr) { n, inner = pending(fd) }) != nil {
		return 0, os.ErrClosed // the only way for Control to fail, which words it otherwise
	}
	return n, inner
}

// Close ends the reading: a command that writes on gets SIGPIPE, one with a
// terminal is hung up.
func (o *Output) Close() error {
	if o.term != nil {
		return o.term.Close()
	}
	return o.f.Close()
}
