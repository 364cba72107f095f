package localterm

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Screen is where the command's output is shown: a writer, between whose writes this program may put a note, or lines of
// its own, without breaking what the command draws.
type Screen struct {
	w    io.Writer
	size func() (rows, cols int) // 0, 0: not known
	// ansi says that the terminal knows where its cursor is told to go; otherwise a note is a plain line, shown once.
	ansi  bool
	ready chan struct{} // closed by Open

	shown atomic.Uint64

	mu     sync.Mutex // held by a Write for as long as the terminal takes
	inLine bool       // the last byte ended no line
	at     sequence
	note   note
	mute   bool
}

// note is what stands over the last line.
type note struct {
	text      string // empty: none
	row, col  int    // of its beginning
	width     int
	announced bool // on a terminal without addresses: it was said
}

// NewScreen shows on w what is written as soon as it is opened. term is the terminal's name, as in TERM.
func NewScreen(w io.Writer, term string, size func() (rows, cols int)) *Screen {
	return &Screen{w: w, size: size, ansi: term != "" && term != "dumb", ready: make(chan struct{})}
}

// Open lets writing begin: the terminal is raw. It is called once.
func (s *Screen) Open() { close(s.ready) }

// Write shows the command's output.
func (s *Screen) Write(p []byte) (int, error) {
	<-s.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return len(p), nil
	}
	s.clear()
	n, err := s.w.Write(p)
	s.at.follow(p[:n])
	if n > 0 {
		s.inLine = p[n-1] != '\n'
	}
	s.shown.Add(uint64(n))
	return n, err
}

// Shown counts the bytes of output.
func (s *Screen) Shown() uint64 { return s.shown.Load() }

// Note puts text at the right end of the last line, in place of an earlier note; empty: takes it away. Where it stood the
// line stays blank until the command draws it again. While output cannot be written, or ends within a sequence, nothing
// is shown.
func (s *Screen) Note(text string) {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	switch {
	case s.mute || text == s.note.text:
	case text == "":
		s.clear()
	case !s.ansi:
		if !s.note.announced {
			_, _ = io.WriteString(s.w, "\r\n"+text+"\r\n")
		}
		s.note = note{text: text, announced: true}
	case s.at.between():
		s.draw(text)
	}
}

// clear takes the note away.
func (s *Screen) clear() {
	if s.note.text == "" {
		return
	}
	if s.ansi {
		s.over(s.note.row, s.note.col, strings.Repeat(" ", s.note.width))
	}
	s.note = note{}
}

func (s *Screen) draw(text string) {
	rows, cols := s.size()
	if rows == 0 || cols < 20 {
		return
	}
	shown := " " + text + " "
	if width := utf8.RuneCountInString(shown); width >= cols {
		shown = string([]rune(shown)[:cols-1])
	}
	width := utf8.RuneCountInString(shown)
	next := note{text: text, row: rows, col: cols - width, width: width} // the last column would wrap on some
	if s.note.text != "" && (s.note.row != next.row || s.note.col != next.col) {
		s.clear()
	}
	s.over(next.row, next.col, "\x1b[7m"+shown)
	s.note = next
}

// over writes at a place and leaves the cursor, its colours and character set as they are: DECSC and DECRC keep all
// three, and the origin mode.
func (s *Screen) over(row, col int, text string) {
	var b strings.Builder
	b.WriteString("\x1b7")
	if s.at.on[6] {
		b.WriteString("\x1b[?6l")
	}
	if s.at.drawing {
		b.WriteString("\x1b(B")
	}
	fmt.Fprintf(&b, "\x0f\x1b[%d;%dH\x1b[m%s\x1b8", row, col, text)
	_, _ = io.WriteString(s.w, b.String())
}

// Say shows lines of this program's own, below what is there.
func (s *Screen) Say(lines ...string) {
	if !s.lock() {
		return
	}
	defer s.mu.Unlock()
	if !s.mute {
		s.clear()
		_, _ = io.WriteString(s.w, strings.Join(lines, "\r\n")+"\r\n")
	}
}

// Freeze holds back what is still written until thaw.
func (s *Screen) Freeze() (thaw func()) {
	if !s.lock() {
		return func() {}
	}
	s.clear()
	return s.mu.Unlock
}

// End drops what is still written. With tidy it also switches off what the command had switched on and can no longer
// switch off itself: the other screen, mice, a hidden cursor. It reports whether the cursor stands within a line.
func (s *Screen) End(tidy bool) (inLine bool) {
	if !s.lock() {
		return false
	}
	defer s.mu.Unlock()
	if s.mute {
		return false
	}
	s.clear()
	s.mute = true
	inLine = s.inLine && !s.at.on[1049]
	if tidy && s.ansi {
		_, _ = s.w.Write(s.at.undo())
	}
	return inLine
}

// lockTime is how long somebody who may have to leave waits for a terminal that takes nothing.
const lockTime = 100 * time.Millisecond

func (s *Screen) lock() bool {
	for end := time.Now().Add(lockTime); !s.mu.TryLock(); time.Sleep(lockTime / 100) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
