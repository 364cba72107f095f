package mux

import (
	"slices"
	"sync"

	"rexec/frame"
)

// batchBuffer is the memory a batch is built in: a few bytes of its own for messages and small DATA, and while data
// flows a large one from a pool, so that a thousand idle connections hold none.
type batchBuffer struct {
	buf   []byte
	small []byte
	big   *[]byte // borrowed; nil: none

	awaits []chan struct{} // closed when the batch is written
}

// bigBatch holds a frame of any size behind a first batch; append makes it larger where the path takes more.
const bigBatch = maxBatch/4 + frame.MaxMaxFrame + minBatch

var bigBatches = sync.Pool{New: func() any { b := make([]byte, 0, bigBatch); return &b }}

// start gives the empty buffer for the next batch; the last one must be written by now.
func (b *batchBuffer) start() []byte { return b.buf[:0] }

// grow gives buf, which start gave, with room for n more bytes.
func (b *batchBuffer) grow(buf []byte, n int) []byte {
	switch {
	case cap(buf)-len(buf) >= n:
		return buf
	case b.big == nil && len(buf)+n > minBatch:
		b.big = bigBatches.Get().(*[]byte)
		b.small = buf[:0]
		b.buf = slices.Grow(append((*b.big)[:0], buf...), n)
	default:
		b.buf = slices.Grow(buf, n)
	}
	return b.buf
}

// idle gives the borrowed buffer back.
func (b *batchBuffer) idle() {
	if b.big == nil {
		return
	}
	if cap(b.buf) <= 2*maxBatch { // one that a large queue of messages made is not kept
		*b.big = b.buf[:0]
		bigBatches.Put(b.big)
	}
	b.big, b.buf, b.small = nil, b.small, nil
}
