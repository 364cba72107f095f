package mux

import (
	"slices"
	"time"

	"rexec/frame"
)

// A batch is written in one call: messages, then CREDITs, then DATA in turn up to the batch's size. The size follows
// what the socket takes without making us wait, so that on a slow path a message waits behind little.
const (
	minBatch = 16 << 10
	maxBatch = 256 << 10
)

// writeLoop ends when the connection failed, or after Close with everything written and the writing side closed.
func (c *Conn) writeLoop(w Transport) error {
	batch := maxBatch / 4
	var b batchBuffer
	for {
		buf, then := c.fill(&b, batch)
		if len(buf) == 0 {
			switch then {
			case finish:
				c.finish(w)
				return nil
			case give:
				return nil
			}
			b.idle()
			select {
			case <-c.wake:
			case <-c.ctx.Done():
			}
			continue
		}
		c.tell(buf)
		began := max(c.now(), 1)
		c.writing.Store(int64(began))
		_, err := w.Write(buf)
		c.writing.Store(0)
		if err == nil && then == give {
			return w.CloseWrite()
		}
		if err != nil {
			return err
		}
		for _, done := range b.awaits {
			close(done)
		}
		b.awaits = nil
		switch took := c.now() - began; {
		case took > 20*time.Millisecond:
			batch = max(batch/2, minBatch)
		case took < 5*time.Millisecond:
			batch = min(batch*2, maxBatch)
		}
	}
}

// next is what the writer does behind a batch.
type next uint8

const (
	wait   next = 1 // for more
	finish next = 2 // everything is written and this side closes: end the writing side
	give   next = 3 // the connection failed: give up
)

// fill builds a batch in b.
func (c *Conn) fill(b *batchBuffer, batch int) ([]byte, next) {
	buf := b.start()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminals > 0 {
		batch = min(batch, pacedBatch)
	}
	for {
		if c.err != nil {
			last := c.farewell
			c.farewell = nil
			return append(buf[:0], last...), give
		}
		if len(c.ctl) > 0 {
			buf = append(b.grow(buf, len(c.ctl)), c.ctl...)
			c.ctl = c.ctl[:0]
			b.awaits, c.awaits = append(b.awaits, c.awaits...), nil
			if cap(c.ctl) > minBatch {
				c.ctl = nil
			}
			c.replies = 0
			c.pongDue = false
		}
		for _, l := range c.credits {
			l.dirty = false
			if l.stream.ours == ended || l.stopped {
				continue
			}
			buf = b.grow(buf, frame.HeaderSize+16)
			buf = frame.Header{Length: 16, Type: frame.TypeCredit, Lane: l.id, Stream: l.stream.id}.Append(buf)
			buf = frame.Credit{Consumed: l.buf.start, Limit: l.limit}.Append(buf)
		}
		clear(c.credits)
		c.credits = c.credits[:0]
		if len(buf) >= batch || len(c.ready) == 0 {
			if len(buf) > 0 {
				return buf, wait
			}
			if c.closing {
				return buf, finish
			}
			return buf, wait
		}
		l := c.ready[0]
		n := copy(c.ready, c.ready[1:])
		c.ready[n] = nil
		c.ready = c.ready[:n]
		l.queued = false
		buf = c.appendData(b, buf, l, uint64(min(int(c.cfg.MaxFrame), batch)))
		if l.due() {
			c.schedule(l)
		}
		if len(c.ready) > 0 { // let the reader and the lanes' writers at the lock between frames
			c.mu.Unlock()
			c.mu.Lock()
		}
	}
}

// appendData puts one frame of the lane behind buf: DATA of up to most bytes, or its EOF.
func (c *Conn) appendData(b *batchBuffer, buf []byte, l *sendLane, most uint64) []byte {
	if !l.due() {
		return buf
	}
	n := min(min(l.buf.end, l.limit)-l.sent, most)
	buf = b.grow(buf, int(n)+2*frame.HeaderSize+8)
	if n > 0 {
		buf = frame.Header{Length: uint32(n), Type: frame.TypeData, Lane: l.id, Stream: l.stream.id}.Append(buf)
		for upto := l.sent + n; l.sent < upto; {
			p := l.buf.at(l.sent)
			p = p[:min(uint64(len(p)), upto-l.sent)]
			buf = append(buf, p...)
			l.sent += uint64(len(p))
		}
		l.forget()
		if !(l.closed && l.sent == l.buf.end) {
			return buf
		}
	}
	buf = frame.Header{Length: 8, Type: frame.TypeEOF, Lane: l.id, Stream: l.stream.id}.Append(buf)
	buf = frame.AppendUint64(buf, l.sent)
	l.eof = true
	close(l.flushed)
	return buf
}

// schedule gives the lane a turn, once; an echo goes ahead of all others.
func (c *Conn) schedule(l *sendLane) {
	if !l.queued && c.err == nil {
		l.queued = true
		if l.stream.terminal && l.buf.end-l.sent <= echoSize {
			c.ready = slices.Insert(c.ready, 0, l)
		} else {
			c.ready = append(c.ready, l)
		}
		c.wakeWriter()
	}
}
