package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"rexec/internal/mux"
)

// conn is the buffered connection under TLS, which itself would make one system call a record of 16 KiB. Reading starts
// with a small buffer and borrows a large one while data flows; writing collects a batch of records between hold and
// flush, and sends what fills a large buffer: measured over loopback, a whole batch of 256 KiB in one system call costs a
// quarter of the throughput and a sixth more processor time, because the other side waits while this one encrypts.
type conn struct {
	net.Conn
	born                time.Time     // what the two below count from, so that a step of the clock changes nothing
	lastRead, lastWrite atomic.Int64  // nanoseconds since born
	got, put            atomic.Uint64 // bytes

	// Reading, by one goroutine at a time.
	in     []byte // what was read and not yet taken, within small or inLent
	inErr  error  // what came along with in
	filled int    // bytes of the last read
	small  []byte
	inLent *[]byte // nil: small is in use
	lends  bool    // false before the proofs: a stranger gets a small buffer

	mu      sync.Mutex // below TLS's own locks; the sender's, for as long as the socket takes
	holding bool
	out     []byte
	few     []byte  // out when nothing is borrowed
	outLent *[]byte // nil: few is in use
	err     error   // of an earlier write; final

	deadline sync.Mutex // below mu
	bounded  bool       // a deadline for writing holds that write must not move
}

const (
	smallBuffer   = 16 << 10
	fewBytes      = 1 << 10
	largeBuffer   = 128 << 10 // not above what limitQueue lets the kernel hold: it would take the rest only after a wait
	writePatience = 20 * time.Second
)

var largeBuffers = sync.Pool{New: func() any { b := make([]byte, largeBuffer); return &b }}

func newConn(c net.Conn) *conn {
	return &conn{Conn: c, small: make([]byte, smallBuffer), born: time.Now()}
}

func (c *conn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		if err := c.inErr; err != nil {
			c.inErr = nil
			return 0, err
		}
		buf := c.small
		if c.inLent != nil {
			buf = *c.inLent
		}
		n, err := c.Conn.Read(buf)
		if n == 0 {
			return 0, err
		}
		c.lastRead.Store(int64(time.Since(c.born)))
		c.got.Add(uint64(n))
		c.in, c.inErr, c.filled = buf[:n], err, n
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	if len(c.in) == 0 {
		c.in = nil
		c.resize()
	}
	return n, nil
}

// resize changes the buffer, which is empty, to what the flow needs: a small one that was full asks for a large one, a
// large one that was filled to less than a small one's size goes back.
func (c *conn) resize() {
	switch {
	case c.inLent == nil && c.filled == len(c.small) && c.lends:
		c.inLent = largeBuffers.Get().(*[]byte)
	case c.inLent != nil && c.filled < len(c.small):
		largeBuffers.Put(c.inLent)
		c.inLent = nil
	}
}

// Write takes a record. Outside of hold it goes out at once: TLS's own words never wait.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		if need := len(c.out) + len(p); need > cap(c.out) && need <= largeBuffer && c.outLent == nil {
			c.outLent = largeBuffers.Get().(*[]byte)
			c.out = append((*c.outLent)[:0], c.out...)
		}
		if len(c.out)+len(p) <= cap(c.out) {
			c.out = append(c.out, p...)
			return len(p), nil
		}
		if err := c.flushLocked(); err != nil {
			return 0, err
		}
		if len(p) <= cap(c.out) {
			c.out = append(c.out, p...)
			return len(p), nil
		}
	}
	if err := c.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hold collects what is written until flush.
func (c *conn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
	if c.few == nil {
		c.few = make([]byte, 0, fewBytes)
	}
	if c.out == nil {
		c.out = c.few
	}
}

// flush sends what was collected since hold. Its error is that of the first write that failed, ever.
func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	err := c.flushLocked()
	if c.outLent != nil {
		largeBuffers.Put(c.outLent)
		c.outLent = nil
	}
	c.out = nil
	return err
}

func (c *conn) flushLocked() error {
	err := c.write(c.out)
	c.out = c.out[:0]
	return err
}

// write hands p to the socket, however long that takes unless bound: whoever watches lastWrite decides when it takes too
// long. The deadline only makes partial progress visible. The first error is final, because a part of a record may be
// out.
func (c *conn) write(p []byte) error {
	if c.err != nil {
		return c.err
	}
	for len(p) > 0 {
		patient := c.wait()
		n, err := c.Conn.Write(p)
		if n > 0 {
			p = p[n:]
			c.lastWrite.Store(int64(time.Since(c.born)))
			c.put.Add(uint64(n))
		}
		switch {
		case err == nil && n == 0:
			err = io.ErrShortWrite // a connection that breaks io.Writer's word must not make us spin
		case patient && errors.Is(err, os.ErrDeadlineExceeded):
			continue // if a bound came meanwhile, the next Write says so
		}
		if err != nil {
			c.err = err
			return err
		}
	}
	return nil
}

// wait sets the deadline of one Write, unless a bound holds.
func (c *conn) wait() (patient bool) {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	if c.bounded {
		return false
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(writePatience))
	return true
}

// SetWriteDeadline bounds writing from now on; zero lifts the bound. TLS calls it for its last word.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	c.bounded = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline bounds both directions, as net.Conn's.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// clocks gives cfg this connection's own view of when bytes moved.
func (c *conn) clocks(cfg mux.Config) mux.Config {
	cfg.LastRead = func() time.Time { return c.born.Add(time.Duration(c.lastRead.Load())) }
	cfg.LastWrite = func() time.Time { return c.born.Add(time.Duration(c.lastWrite.Load())) }
	return cfg
}
