package fleet

import (
	"errors"
	"io"
	"sync"
)

// broadcast is this process's stdin for many: read once, when the first of them wants more, and kept for those that are
// slower or not begun yet.
type broadcast struct {
	store *Store
	kept  *spool

	mu      sync.Mutex // of what follows
	more    *sync.Cond // kept, err or reading changed, or a tap was closed
	src     io.Reader
	reading bool  // somebody waits for src
	err     error // src's end; final
}

func newBroadcast(src io.Reader) *broadcast {
	b := &broadcast{store: NewStore(), src: src}
	b.kept = b.store.spool()
	b.more = sync.NewCond(&b.mu)
	return b
}

// close is for when all taps are closed. Who still waits for src then finds no room for what comes.
func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = io.ErrClosedPipe
	_ = b.store.Close()
}

func (b *broadcast) tap() *tap { return &tap{b: b} }

// tap is one host's stdin.
type tap struct {
	b      *broadcast
	off    int64 // the reader's
	closed bool  // b.mu's
}

// Close wakes a Read that waits for others.
func (t *tap) Close() error {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.closed = true
	t.b.more.Broadcast()
	return nil
}

func (t *tap) Read(p []byte) (int, error) {
	b := t.b
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case t.closed:
			return 0, io.EOF
		case t.off < b.kept.length():
			n, err := b.kept.ReadAt(p, t.off)
			t.off += int64(n)
			if n > 0 || errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		case b.err != nil:
			return 0, b.err
		case b.reading:
			b.more.Wait()
		default:
			b.fetch()
		}
	}
}

// fetch reads once, with b.mu open meanwhile.
func (b *broadcast) fetch() {
	b.reading = true
	b.mu.Unlock()
	p := make([]byte, 32<<10)
	n, err := b.src.Read(p)
	b.mu.Lock()
	b.reading = false
	if b.err == nil {
		if _, werr := b.kept.Write(p[:n]); werr != nil {
			err = werr
		}
		b.err = err
	}
	b.more.Broadcast()
}
