package forward

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Far is the connection through the daemon.
type Far interface {
	io.WriterTo   // nil at the other side's end
	io.ReaderFrom // nil at the reader's end, which is not passed on
	CloseWrite() error
	// Close ends it in good order, once all that was written is on its way.
	Close() error
	// Abort ends it at once; the other side learns that it was not all.
	Abort(cause error)
	// Done is closed when it is over; Err is then why, nil after an end in good order.
	Done() <-chan struct{}
	Err() error
}

// Near is the connection on this side.
type Near interface {
	io.Reader
	io.Writer
	CloseWrite() error
	Interrupt() bool // ends a Read that waits; false: it cannot
	Abort()          // ends both directions at once
}

// Join copies both ways, each until its end, which the other side sees as an end of that direction. nil: both ended of
// themselves. Otherwise, with the first failure, both connections are aborted. far is over when Join returns; near's owner
// still has to close it. A Read of near that Interrupt cannot end is left behind. guard is deferred by the goroutines that
// this starts; nil: nothing.
func Join(near Near, far Far, guard func()) error {
	if guard == nil {
		guard = func() {}
	}
	var once sync.Once
	var failure error
	fail := func(err error) {
		once.Do(func() {
			failure = err
			far.Abort(err)
			near.Abort()
		})
	}
	in, out := make(chan struct{}), make(chan struct{})
	go func() {
		defer guard()
		defer close(in)
		if _, err := far.WriteTo(near); err != nil {
			fail(err)
			return
		}
		_ = near.CloseWrite() // it may have ended of itself
	}()
	go func() {
		defer guard()
		defer close(out)
		if _, err := far.ReadFrom(near); err == nil {
			_ = far.CloseWrite()
		} else if !closed(far.Done()) { // else the other direction has the reason, and may still have bytes to write
			fail(err)
		}
	}()
	select {
	case <-far.Done():
		<-in
		if near.Interrupt() {
			<-out
		}
	case <-both(in, out):
		_ = far.Close()
	}
	if closed(far.Done()) && far.Err() != nil {
		fail(far.Err())
	}
	return failure
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// both is closed when both are.
func both(a, b <-chan struct{}) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		<-a
		<-b
	}()
	return c
}

// TCP is a network connection as Join wants it.
type TCP struct{ *net.TCPConn }

// Interrupt ends a Read that waits.
func (c TCP) Interrupt() bool {
	_ = c.SetReadDeadline(time.Unix(1, 0)) // of a closed one a Read ends too
	return true
}

// Abort has the other end see a reset, as the far side's was one.
func (c TCP) Abort() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// Stdio is this process's input and output as Join wants it.
type Stdio struct{ In, Out *os.File }

func (s Stdio) Read(p []byte) (int, error) { return s.In.Read(p) }

func (s Stdio) Write(p []byte) (int, error) { return s.Out.Write(p) }

// CloseWrite closes the output.
func (s Stdio) CloseWrite() error { return s.Out.Close() }

// Interrupt works where the input can be waited for.
func (s Stdio) Interrupt() bool { return s.In.SetReadDeadline(time.Unix(1, 0)) == nil }

// Abort closes the output; who started this process closes the input.
func (s Stdio) Abort() { _ = s.Out.Close() }
