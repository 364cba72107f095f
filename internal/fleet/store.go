package fleet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Store keeps what must be held back: little of it in memory, the rest in one temporary file for all, which has no name
// where the system allows that.
type Store struct {
	dir string // of the file; empty: the system's

	mu   sync.Mutex // of what follows; below that of a spool
	file *os.File   // nil: not needed yet
	path string     // to remove; empty: removed already
	end  int64      // of the file
	free []int64    // blocks that nobody needs any more
	held int        // bytes that spools have in memory
}

const (
	blockSize = 64 << 10
	// heldMost is what all spools together keep in memory when they are settled; beyond it they go to the file. While
	// one is written, it has up to a block more.
	heldMost = 16 << 20
)

// NewStore makes one that has no file yet. Close follows.
func NewStore() *Store { return &Store{} }

// Close gives the file back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	s.file = nil
	return err
}

// put writes a block, the last one of a spool may be short, and says where.
func (s *Store) put(p []byte) (at int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		if s.file, err = os.CreateTemp(s.dir, "rexec-"); err != nil {
			return 0, fmt.Errorf("hold output back: %w", err)
		}
		if os.Remove(s.file.Name()) != nil { // Windows keeps the name while the file is open
			s.path = s.file.Name()
		}
	}
	at = s.end
	if n := len(s.free); n > 0 {
		at = s.free[n-1]
	}
	if _, err := s.file.WriteAt(p, at); err != nil {
		return 0, fmt.Errorf("hold output back: %w", err)
	}
	if at == s.end {
		s.end += blockSize
	} else {
		s.free = s.free[:len(s.free)-1]
	}
	return at, nil
}

// hold counts bytes in memory and reports whether there may be so many.
func (s *Store) hold(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
	return s.held <= heldMost
}

// spool is bytes in the order they were written. Reading may go on beside writing.
type spool struct {
	store *Store

	mu     sync.RWMutex
	blocks []int64 // full ones in the file, in order
	tail   []byte  // behind them, less than a block; nil once it is in the file too
	short  int     // length of the last block if it is not a full one
	size   int64
}

func (s *Store) spool() *spool { return &spool{store: s} }

func (sp *spool) Write(p []byte) (int, error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), blockSize-len(sp.tail))]
		sp.store.hold(len(part))
		sp.tail = append(sp.tail, part...)
		p = p[len(part):]
		sp.size += int64(len(part))
		if len(sp.tail) == blockSize {
			if err := sp.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// flush moves the tail to the file.
func (sp *spool) flush() error {
	at, err := sp.store.put(sp.tail)
	if err != nil {
		return err
	}
	sp.store.hold(-len(sp.tail))
	sp.blocks = append(sp.blocks, at)
	if len(sp.tail) < blockSize {
		sp.short, sp.tail = len(sp.tail), nil
	} else {
		sp.tail = sp.tail[:0]
	}
	return nil
}

// settle is called when nothing more is written: what has no room in memory goes to the file.
func (sp *spool) settle() error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if len(sp.tail) == 0 || sp.store.hold(0) {
		return nil
	}
	return sp.flush()
}

// drop gives up what was written.
func (sp *spool) drop() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.store.hold(-len(sp.tail))
	sp.store.mu.Lock()
	defer sp.store.mu.Unlock()
	sp.store.free = append(sp.store.free, sp.blocks...)
	sp.blocks, sp.tail, sp.size, sp.short = nil, nil, 0, 0
}

// ReadAt is io.ReaderAt over what was written so far.
func (sp *spool) ReadAt(p []byte, off int64) (int, error) {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	n := 0
	for n < len(p) && off < sp.size {
		block, in := int(off/blockSize), off%blockSize
		var got int
		if block < len(sp.blocks) {
			have := int64(blockSize)
			if block == len(sp.blocks)-1 && sp.short > 0 {
				have = int64(sp.short)
			}
			sp.store.mu.Lock()
			file := sp.store.file
			sp.store.mu.Unlock()
			part := p[n:][:min(int64(len(p)-n), have-in)]
			var err error
			if got, err = file.ReadAt(part, sp.blocks[block]+in); got < len(part) {
				return n + got, fmt.Errorf("read what was held back: %w", err)
			}
		} else {
			got = copy(p[n:], sp.tail[in:])
		}
		n += got
		off += int64(got)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// reader reads it from the start.
func (sp *spool) reader() io.Reader { return io.NewSectionReader(sp, 0, sp.length()) }

func (sp *spool) length() int64 {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	return sp.size
}
