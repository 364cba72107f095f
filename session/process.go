package session

import (
	"io"
	"time"
)

// Process is a started command: its leader and everything that came out of it, the tree. Signal, Terminate, Kill,
// Survivors, Release and Resize are called by one goroutine, one after the other, and never after Release, so that no
// late signal hits a pid that has been given to somebody else.
type Process interface {
	Pid() int
	// Stdin is nil where there is none. Its Close ends a Write that waits in another goroutine; with a terminal it
	// leaves the terminal open, what the command prints can still be read.
	Stdin() io.WriteCloser
	// Stdout is what lane 2 carries; with a terminal, all that is printed.
	Stdout() Output
	// Stderr is what lane 3 carries, nil with a terminal.
	Stderr() Output
	// Wait returns when the leader ended and must not reap it: until Release its pid stays taken. code is meant as in
	// frame.Verdict; signal has no SIG in front and is empty where none ended it. It is called once.
	Wait() (code int64, signal string, core bool, err error)
	// Signal sends the signal of that name, without SIG, to the leader's group.
	Signal(name string) error
	// Terminate asks the whole tree to end; with a terminal that is HUP and CONT.
	Terminate() error
	// Kill ends the whole tree.
	Kill() error
	// Survivors counts what lives of the tree, the leader not included.
	Survivors() int
	// Release reaps the leader and gives up the tree.
	Release() error
	// Usage is asked for after Release. peak is in bytes, 0 where it is not known.
	Usage() (user, system time.Duration, peak uint64)
}

// Resizer is a Process with a terminal.
type Resizer interface {
	Resize(rows, cols, xpix, ypix uint16) error
}

// ForegroundKiller is a Process with a terminal that can kill the leader's and the foreground group and nothing else,
// which is the second step after the terminal was closed on a lost viewer. Where it is missing, the leader's group
// gets KILL.
type ForegroundKiller interface {
	KillForeground() error
}

// Output is the reading end of a pipe or a terminal.
type Output interface {
	// Read gives io.EOF at the end; any other error, EIO of a terminal among them, is an end as well. It gives
	// os.ErrDeadlineExceeded when the deadline passed.
	io.Reader
	// SetReadDeadline also ends a Read that waits in another goroutine.
	SetReadDeadline(time.Time) error
	// Pending counts the bytes that can be read without waiting.
	Pending() (int, error)
	// Close also ends a Read that waits in another goroutine; whoever writes to the other end gets SIGPIPE.
	Close() error
}
