package mux

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"

	"rexec/frame"
)

// A connection's life. An end is told to every stream; Run returns when the three goroutines are gone.
//
//	running  --Close-->                  closing   no new streams; what is queued is written
//	closing  --all written, client-->    ended
//	closing  --all written, daemon-->    draining  streams end; what comes is dropped until the peer closes, at most 10 s
//	draining --the peer closed, 10 s-->  ended
//	any      --Abort, loss, silence-->   ended
//	any      --the peer broke a rule-->  ended     behind a GOAWAY that says what
//	new      --Close, Abort-->           ended     a later Run writes what was queued before Close, and closes

// Run moves frames between r, w and the streams until the connection ends, and returns why: nil after this side's
// Close, else a *frame.ConnError. r may hold bytes already read from w's connection. The transport is closed then.
func (c *Conn) Run(r *bufio.Reader, w Transport) error {
	c.mu.Lock()
	c.started, c.transport = true, w
	c.clock = time.Now()
	over := c.err != nil
	c.mu.Unlock()
	if over {
		return c.runEnded(r, w)
	}
	c.heard()

	var wg sync.WaitGroup
	wg.Go(func() {
		defer c.cfg.Guard()
		defer close(c.written)
		if err := c.writeLoop(w); err != nil {
			c.writeFailed(err)
		}
	})
	wg.Go(func() {
		defer c.cfg.Guard()
		c.keepalive()
	})
	c.fail(c.lost(c.readLoop(r)))
	// The writer may have a last word to say, or hang in a Write that only Close ends.
	word := time.NewTimer(farewellTime)
	select {
	case <-c.written:
		c.mu.Lock()
		rude := c.err.Code != frame.CodeNone && !c.err.Remote
		c.mu.Unlock()
		if rude && w.SetReadDeadline(time.Now().Add(farewellTime)) == nil {
			_, _ = io.Copy(io.Discard, r) // unread input would make the kernel destroy the last word
		}
	case <-word.C:
	}
	word.Stop()
	_ = w.Close()
	wg.Wait()
	return c.result()
}

// runEnded is Run after Close or Abort.
func (c *Conn) runEnded(r *bufio.Reader, w Transport) error {
	defer w.Close()
	if c.result() == nil {
		c.mu.Lock()
		queued := c.ctl
		c.ctl = nil
		c.mu.Unlock()
		guard := time.AfterFunc(drainTime, func() { _ = w.Close() })
		defer guard.Stop()
		if len(queued) > 0 {
			c.tell(queued)
			_, _ = w.Write(queued)
		}
		if w.CloseWrite() == nil && c.cfg.Role == Daemon {
			_, _ = io.Copy(io.Discard, r)
		}
	}
	return c.result()
}

// result is what Run returns.
func (c *Conn) result() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing && errors.Is(c.err, frame.ErrClosed) {
		return nil
	}
	return c.err
}

// Close ends the connection: what is queued is written, then the writing side is closed; the reader drops what still
// comes until the peer closes too, at most 10 s for a daemon, not at all for a client. It does not wait: Run returns
// when it is done.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return // what ended it stays the reason
	}
	c.closing = true
	if !c.started {
		c.failLocked(closed())
	}
	c.wakeWriter()
}

// Abort ends the connection at once, without a word to the peer.
func (c *Conn) Abort(err error) {
	c.fail(&frame.ConnError{Text: "aborted", Err: err})
}

func closed() *frame.ConnError { return &frame.ConnError{Err: frame.ErrClosed} }

// fail ends the connection with its first error; every stream sees it.
func (c *Conn) fail(err *frame.ConnError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Conn) failLocked(err *frame.ConnError) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.transport != nil {
		_ = c.transport.SetReadDeadline(past) // ends the reader; first, for who hears of the end may end this process
	}
	c.endStreams(err)
	c.cancel(err)
	c.wakeWriter()
}

var past = time.Unix(1, 0)

func (c *Conn) endStreams(err *frame.ConnError) {
	for id, s := range c.streams {
		delete(c.streams, id)
		s.over(err)
	}
	c.peers = 0
	c.checkIdle()
}

// finish is the writer's last act after Close, with everything written.
func (c *Conn) finish(w Transport) {
	err := w.CloseWrite()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if err != nil || c.cfg.Role == Client {
		c.failLocked(closed())
		return
	}
	c.draining = true
	c.endStreams(closed())
	_ = w.SetReadDeadline(time.Now().Add(drainTime))
}

// writeFailed gives the reader a moment for what the peer said before it stopped taking anything: a GOAWAY, a verdict.
func (c *Conn) writeFailed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.writeErr = err
		_ = c.transport.SetReadDeadline(time.Now().Add(farewellTime))
	}
}

// lost says why reading ended.
func (c *Conn) lost(err error) *frame.ConnError {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fatal *frame.ConnError
	switch {
	case errors.As(err, &fatal):
		return fatal
	case c.closing:
		return closed()
	case c.goneAway != nil:
		return &frame.ConnError{Code: c.goneAway.Code, Text: c.goneAway.Text, Remote: true, Err: err}
	case c.writeErr != nil:
		return &frame.ConnError{Text: "write", Err: c.writeErr}
	}
	return &frame.ConnError{Text: "the other side closed the connection", Err: err}
}

// blame ends the connection and leaves the writer a last word for the peer, what it did wrong. A side that drains
// blames nobody.
func (c *Conn) blame(err *frame.ConnError) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && c.err == nil {
		return errDraining
	}
	if c.err == nil {
		p := frame.Ending{Code: err.Code, Text: err.Text}.Append(nil)
		c.farewell = append(frame.Header{Length: uint32(len(p)), Type: frame.TypeGoAway}.Append(nil), p...)
		c.failLocked(err)
	}
	return err
}
