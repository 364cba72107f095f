package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Mode says what a daemon does about lines it cannot write.
type Mode string

const (
	Strict Mode = "strict" // what cannot be written does not run
	Loose  Mode = "loose"  // it runs
	Off    Mode = "off"    // nothing is written
)

// Options is where and how a log is written.
type Options struct {
	Path string // not used by Off
	Mode Mode   // empty: Strict
	Sync bool   // Write returns when the line is on the disk (fsync(2)), not only in the kernel
}

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("the audit log is closed")

// Log is an open log, for any number of goroutines. nil writes nothing.
type Log struct {
	open func(path string) (file, bool, error) // openFile, but in tests

	mu      sync.Mutex // holds the fields below; taken before handle.mu
	options Options
	h       *handle // nil: not open, the next line tries again
	torn    bool    // the file does not end with a newline
	closed  bool
	buf     []byte
}

// file is what a log needs of one.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
	gone() bool // no name leads to it any more
}

// Open makes or continues a log, and the folder it is in. In Loose a file that cannot be opened is no error: the first
// Write says so.
func Open(o Options) (*Log, error) {
	l := &Log{open: openFile}
	if err := l.Reopen(o); err != nil {
		return nil, err
	}
	return l, nil
}

// Check says what Open would refuse of a log that is there already. It makes and writes nothing.
func Check(o Options) error {
	if o.Mode == Off || o.Mode == Loose {
		return nil
	}
	if _, err := os.Lstat(o.Path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	f, _, err := openFile(o.Path)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return f.Close()
}

// Reopen goes on with these options, and at Path whatever file has that name now: the one written so far may have been
// renamed away. When it fails, which it does not in Loose, all stays as it was.
func (l *Log) Reopen(o Options) error {
	if l == nil {
		return nil
	}
	var f file
	var torn bool
	if o.Mode != Off {
		var err error
		if f, torn, err = l.open(o.Path); err != nil && o.Mode != Loose {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		if f != nil {
			_ = f.Close()
		}
		return ErrClosed
	}
	old := l.h
	l.options, l.h, l.torn = o, nil, torn
	if f != nil {
		l.h = &handle{f: f, durable: o.Sync}
	}
	l.mu.Unlock()
	_ = old.close() // whoever waits for a line of it is told by commit
	return nil
}

// Strict reports whether what cannot be written must not run.
func (l *Log) Strict() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Mode == Strict || l.options.Mode == ""
}

// Write appends one line, and returns nil once the kernel, or with Sync the disk, has all of it. After a failure the next
// Write opens the file anew. It keeps nothing of r.
func (l *Log) Write(r Record) error {
	if l == nil {
		return nil
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	h, line, err := l.append(fields(r))
	if err == nil && h != nil {
		if err = h.commit(line); err != nil {
			l.mu.Lock()
			if l.h == h {
				l.drop()
			}
			l.mu.Unlock()
		}
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		err = fmt.Errorf("audit log: %w", err)
	}
	return err
}

// append writes a line and gives the handle that must commit it, nil if none needs to.
func (l *Log) append(body []byte) (*handle, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, 0, ErrClosed
	case l.options.Mode == Off:
		return nil, 0, nil
	case l.h != nil && l.h.f.gone(): // removed: what goes there is lost
		l.drop()
	}
	if l.h == nil {
		f, torn, err := l.open(l.options.Path)
		if err != nil {
			return nil, 0, err
		}
		l.h, l.torn = &handle{f: f, durable: l.options.Sync}, torn
	}
	b := l.buf[:0]
	if l.torn {
		b = append(b, '\n')
	}
	b = begin(b, time.Now())
	b = append(b, body...)
	b = end(b)
	if cap(b) <= keptBuffer {
		l.buf = b
	}
	if _, err := l.h.f.Write(b); err != nil {
		l.drop() // whoever opens it anew sees how much of the line is there
		return nil, 0, err
	}
	l.torn = false
	l.h.lines.Add(1)
	if !l.options.Sync {
		return nil, 0, nil
	}
	return l.h, l.h.lines.Load(), nil
}

// keptBuffer bounds what one long line leaves allocated.
const keptBuffer = 64 << 10

// drop closes the file; l.mu is held.
func (l *Log) drop() {
	_ = l.h.close() // whoever waits for a line of it is told by commit
	l.h = nil
}

// Close ends the log; every later Write is an error.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	h := l.h
	l.h, l.closed = nil, true
	l.mu.Unlock()
	return h.close()
}

// openFile opens the log at path, and reports whether its last line is torn.
func openFile(path string) (file, bool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	f, err := openAppending(path)
	if err != nil {
		return nil, false, err
	}
	torn, err := inspect(f)
	if err != nil {
		_ = f.Close()
		return nil, false, err
	}
	return diskFile{f}, torn, nil
}

// inspect refuses what is no log of ours, and looks at the last byte.
func inspect(f *os.File) (torn bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is no regular file: name another, or move it away", f.Name())
	}
	if err := trusted(f, info); err != nil {
		return false, err
	}
	if info.Size() == 0 {
		return false, nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// diskFile is the real one; gone is the system's.
type diskFile struct{ *os.File }
