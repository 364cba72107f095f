package audit

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// handle is a file while it is open. Its lines become durable in groups: who finds that another's fsync took his line
// along has nothing to do.
type handle struct {
	f       file
	durable bool          // lines are waited for in commit
	lines   atomic.Uint64 // written so far; raised under Log.mu

	mu     sync.Mutex
	synced uint64 // lines that are on the disk
	err    error  // why those beyond are not and never will be known to be
	closed bool
}

// commit waits until the line of that number is on the disk. After a failed fsync nothing more becomes durable here: the
// kernel reports such an error once, and the next fsync succeeds without the data (fsync(2), NOTES).
func (h *handle) commit(line uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if line <= h.synced {
		return nil
	}
	if h.closed && h.err == nil {
		return ErrClosed
	}
	return h.sync()
}

// sync covers all lines so far; h.mu is held.
func (h *handle) sync() error {
	if h.err != nil {
		return h.err
	}
	all := h.lines.Load()
	if err := h.f.Sync(); err != nil {
		h.err = fmt.Errorf("make it durable: %w", err)
		return h.err
	}
	h.synced = all
	return nil
}

// close syncs for those who wait in commit, and closes. A nil handle has nothing to close.
func (h *handle) close() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	var err error
	if h.durable {
		err = h.sync()
	}
	if cerr := h.f.Close(); err == nil {
		err = cerr
	}
	return err
}
