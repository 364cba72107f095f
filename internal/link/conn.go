package link

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is the buffered connection under TLS, which itself would make one system call a record of 16 KiB. Reading starts
// with a small buffer and borrows a big one while data flows; writing collects a whole batch of records between hold
// and flush.
type conn struct {
	net.Conn
	lastRead, lastWrite atomic.Int64 // unix nanoseconds
	bounded             atomic.Bool  // the handshake's deadline holds for writing too

	// Reading, by one goroutine.
	in    []byte // what was read and not yet taken, within inBuf
	inBuf *[]byte
	big   bool // inBuf is a borrowed one

	mu      sync.Mutex // below TLS's own locks
	holding bool
	out     []byte
	outBuf  *[]byte // borrowed; nil: out is small
	err     error   // of an earlier write; final
}

const (
	smallBuffer   = 16 << 10
	bigBuffer     = 272 << 10 // a batch of 256 KiB with its records' headers and tags
	writePatience = 20 * time.Second
)

var bigBuffers = sync.Pool{New: func() any { b := make([]byte, bigBuffer); return &b }}

func newConn(c net.Conn) *conn {
	b := make([]byte, smallBuffer)
	k := &conn{Conn: c, inBuf: &b}
	now := time.Now().UnixNano()
	k.lastRead.Store(now)
	k.lastWrite.Store(now)
	return k
}

func (c *conn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		n, err := c.Conn.Read(*c.inBuf)
		if n > 0 {
			c.lastRead.Store(time.Now().UnixNano())
		}
		c.in = (*c.inBuf)[:n]
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	if len(c.in) == 0 {
		c.resize()
	}
	return n, nil
}

// resize changes the buffer, which is empty, to what the flow needs: a full small one asks for a big one, a big one that
// was filled to less than a small one's size goes back.
func (c *conn) resize() {
	filled := cap(*c.inBuf) - cap(c.in)
	switch {
	case !c.big && filled == smallBuffer:
		c.inBuf, c.big = bigBuffers.Get().(*[]byte), true
	case c.big && filled < smallBuffer:
		bigBuffers.Put(c.inBuf)
		b := make([]byte, smallBuffer)
		c.inBuf, c.big = &b, false
	}
	c.in = nil
}

// Write takes a record. Outside of hold it goes out at once: TLS's own words never wait.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		if err := c.write(p); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if len(c.out)+len(p) > cap(c.out) {
		if c.outBuf == nil && len(c.out)+len(p) <= bigBuffer {
			c.outBuf = bigBuffers.Get().(*[]byte)
			c.out = append((*c.outBuf)[:0], c.out...)
		} else if err := c.flushLocked(); err != nil {
			return 0, err
		}
		if len(p) > cap(c.out) {
			if err := c.write(p); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	c.out = append(c.out, p...)
	return len(p), nil
}

// hold collects what is written until flush.
func (c *conn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
	if c.out == nil {
		c.out = make([]byte, 0, 1<<10)
	}
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	err := c.flushLocked()
	if c.outBuf != nil {
		bigBuffers.Put(c.outBuf)
		c.outBuf, c.out = nil, nil
	}
	return err
}

func (c *conn) flushLocked() error {
	if len(c.out) == 0 {
		return c.err
	}
	err := c.write(c.out)
	c.out = c.out[:0]
	return err
}

// write hands p to the socket, however long that takes: whoever watches lastWrite decides when it takes too long. The
// deadline only makes partial progress visible.
func (c *conn) write(p []byte) error {
	if c.err != nil {
		return c.err
	}
	for len(p) > 0 {
		if !c.bounded.Load() {
			_ = c.SetWriteDeadline(time.Now().Add(writePatience))
		}
		n, err := c.Conn.Write(p)
		p = p[n:]
		if n > 0 {
			c.lastWrite.Store(time.Now().UnixNano())
		}
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && !c.bounded.Load()) {
			c.err = err
			return err
		}
	}
	return nil
}
