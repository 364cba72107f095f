package mux

import (
	"sort"
	"sync"
)

// Chunks come in two sizes: a lane that carries a few bytes now and then holds a small one, a lane in full flow big
// ones, so that one read empties a pipe (64 KiB) and an idle connection costs next to nothing.
const (
	smallChunk = 4 << 10
	bigChunk   = 64 << 10
)

var (
	smallChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, smallChunk)} }}
	bigChunks   = sync.Pool{New: func() any { return &chunk{buf: make([]byte, bigChunk)} }}
)

// chunk holds the bytes from the lane's offset off on; n of buf are filled.
type chunk struct {
	off uint64
	n   int
	buf []byte
}

// buffer holds the bytes [start, end) of a lane. One goroutine fills it: tail, then commit, with no lock in between; all
// else happens under the connection's lock.
type buffer struct {
	start, end uint64
	chunks     []*chunk
	filling    bool // between tail and commit: the last chunk is not ours to give away
	bulk       bool // the last commit filled its chunk: the next one is big
}

// held is how many bytes there are.
func (b *buffer) held() uint64 { return b.end - b.start }

// tail gives free space to fill, at least one byte.
func (b *buffer) tail() []byte {
	b.filling = true
	if k := len(b.chunks); k > 0 {
		// A rest below a quarter of a big chunk is left: reading a pipe in two halves costs a system call more.
		if c := b.chunks[k-1]; c.n < len(c.buf) && (len(c.buf) == smallChunk || c.n < len(c.buf)/4*3) {
			return c.buf[c.n:]
		}
	}
	pool := &smallChunks
	if b.bulk {
		pool = &bigChunks
	}
	c := pool.Get().(*chunk)
	c.off, c.n = b.end, 0
	b.chunks = append(b.chunks, c)
	return c.buf
}

// commit says that n bytes of what tail gave are filled.
func (b *buffer) commit(n int) {
	b.filling = false
	if len(b.chunks) == 0 {
		return // purged in between
	}
	c := b.chunks[len(b.chunks)-1]
	if n > 0 {
		c.n += n
		b.bulk = c.n == len(c.buf) || len(c.buf) == bigChunk && n > smallChunk
		b.end += uint64(n)
	}
	b.release(b.start)
}

// at gives the bytes from off on, as far as they lie together; off is within [start, end).
func (b *buffer) at(off uint64) []byte {
	k := 0
	if c := b.chunks[0]; off >= c.off+uint64(c.n) {
		k = sort.Search(len(b.chunks), func(i int) bool { return b.chunks[i].off+uint64(b.chunks[i].n) > off })
	}
	c := b.chunks[k]
	return c.buf[off-c.off : c.n]
}

// release forgets everything before upto.
func (b *buffer) release(upto uint64) {
	b.start = upto
	k := 0
	for k < len(b.chunks) {
		c := b.chunks[k]
		last := k == len(b.chunks)-1
		if last && (b.filling || b.start != b.end) || !last && c.off+uint64(c.n) > upto {
			break
		}
		if len(c.buf) == bigChunk {
			bigChunks.Put(c)
		} else {
			smallChunks.Put(c)
		}
		k++
	}
	if k > 0 {
		n := copy(b.chunks, b.chunks[k:])
		clear(b.chunks[n:])
		b.chunks = b.chunks[:n]
	}
}

// purge forgets everything. The chunks go to the garbage collector, not back to the pool: a reader may still look at
// one, and the filler write into another.
func (b *buffer) purge() {
	b.chunks = nil
	b.start = b.end
}
