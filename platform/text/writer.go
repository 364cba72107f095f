package text

import (
	"io"
	"sync"
	"time"
)

// Silence is how long nothing must come until what is held of a line is shown: a prompt has no end.
const Silence = 50 * time.Millisecond

// chunk bounds what is decoded at once, and so a Writer's memory.
const chunk = 16 << 10

// Writer decodes what is written to it into UTF-8 and writes that on. With an encoding that converts nothing it passes
// every Write on as it is. Its methods may be called from any goroutine.
type Writer struct {
	// Guard is deferred by the goroutine that writes behind a pause, for a program that has something to put right when w
	// panics. NewWriter sets one that does nothing; change it before the first Write.
	Guard func()

	w     io.Writer
	clock *time.Timer // calls pause; nil: it never had to

	mu      sync.Mutex // of what follows, and held while w is written to
	decoder decoder    // nil: nothing to convert
	buf     []byte
	err     error // of w; what comes after it is refused
	closed  bool
}

// NewWriter makes a Writer that writes to w. Close must follow; it leaves w open.
func (e Encoding) NewWriter(w io.Writer) *Writer {
	wr := &Writer{Guard: func() {}, w: w}
	if e.codec != nil {
		wr.decoder = e.newDecoder()
	}
	return wr
}

// Write implements io.Writer. An error of the writer below that came up behind a pause is the next Write's.
func (w *Writer) Write(p []byte) (int, error) {
	if w.decoder == nil {
		return w.w.Write(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.closed {
		w.err = io.ErrClosedPipe
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.decoder.clean() && asciiPrefix(p) == len(p) {
		n, err := w.w.Write(p)
		w.err = err
		return n, err
	}
	for done := 0; done < len(p); {
		next := min(done+chunk, len(p))
		w.put(w.decoder.append(w.buf[:0], p[done:next]))
		if w.err != nil {
			return done, w.err
		}
		done = next
	}
	w.arm()
	return len(p), nil
}

// put writes text, which is in buf's memory.
func (w *Writer) put(text []byte) {
	w.buf = text[:0]
	if len(text) > 0 && w.err == nil {
		_, w.err = w.w.Write(text)
	}
}

// arm starts the silence anew.
func (w *Writer) arm() {
	switch {
	case !w.decoder.waits():
		if w.clock != nil {
			w.clock.Stop()
		}
	case w.clock == nil:
		w.clock = time.AfterFunc(Silence, w.pause)
	default:
		w.clock.Reset(Silence)
	}
}

func (w *Writer) pause() {
	defer w.Guard()
	_ = w.Flush()
}

// Flush writes what is held of a line as if nothing followed; half a character stays held.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.decoder != nil && !w.closed {
		w.put(w.decoder.pause(w.buf[:0]))
	}
	return w.err
}

// Close writes all that is held, half a character as one U+FFFD. It does not close the writer below.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.decoder == nil || w.closed {
		return w.err
	}
	w.closed = true
	if w.clock != nil {
		w.clock.Stop()
	}
	w.put(w.decoder.end(w.buf[:0]))
	return w.err
}
