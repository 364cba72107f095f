package localterm

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// Size is a terminal's, in characters and, where they are known, in pixels.
type Size struct{ Rows, Cols, XPix, YPix uint16 }

// Terminal is this process's own terminal while a remote one is shown in it. In or out may be no terminal at all, or both:
// then that side of it is left alone.
type Terminal struct {
	in, out *os.File // nil: no terminal

	mu    sync.Mutex
	saved *saved // what Restore brings back; nil: it stands as it was found

	jobs // what tells of changes of size, and of being stopped and continued
}

// Open looks at this process's input and output; nothing is changed yet. in nil: nothing is read from it.
func Open(in, out *os.File) *Terminal {
	t := &Terminal{}
	if in != nil && Is(in) {
		t.in = in
	}
	if out != nil && Is(out) {
		t.out = out
	}
	t.jobs.init()
	return t
}

// Keys reads what is typed; nil: nothing is.
func (t *Terminal) Keys() io.Reader {
	if t.in == nil {
		return nil
	}
	return keys(t.in)
}

// Shows reports whether output is shown here.
func (t *Terminal) Shows() bool { return t.out != nil }

// Size is zero where there is no terminal.
func (t *Terminal) Size() Size {
	for _, f := range [...]*os.File{t.in, t.out} {
		if f != nil {
			if s, ok := size(f); ok {
				return s
			}
		}
	}
	return Size{}
}

// Raw has every key reach the command and every byte of its output the terminal as it is. Restore must follow, and
// brings back what was found by the first Raw.
func (t *Terminal) Raw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, err := raw(t.in, t.out)
	if err != nil {
		return fmt.Errorf("set the terminal to raw: %w", err)
	}
	if t.saved == nil {
		t.saved = found
	}
	return nil
}

// Restore brings back what Raw changed. It may be called at any time, by anybody.
func (t *Terminal) Restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved == nil {
		return
	}
	t.saved.restore(t.in, t.out)
	t.saved = nil
}

// IsRaw reports whether Restore has something to do.
func (t *Terminal) IsRaw() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.saved != nil
}

// Guard is deferred by every goroutine of the program: a panic there ends the process without running anybody else's
// deferred calls, and the terminal would stay raw.
func (t *Terminal) Guard() {
	if v := recover(); v != nil {
		t.Restore()
		panic(v)
	}
}

// Lines turns the line ends of this program's own lines into what a raw terminal needs. w itself, if it is not where the
// terminal is.
func (t *Terminal) Lines(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && Is(f) {
		return lines{t, w}
	}
	return w
}

type lines struct {
	t *Terminal
	w io.Writer
}

func (l lines) Write(p []byte) (int, error) {
	if !l.t.IsRaw() {
		return l.w.Write(p)
	}
	if _, err := l.w.Write(withReturns(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func withReturns(p []byte) []byte {
	var b []byte
	for _, c := range p {
		if c == '\n' {
			b = append(b, '\r')
		}
		b = append(b, c)
	}
	return b
}
