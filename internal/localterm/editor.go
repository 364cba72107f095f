package localterm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Width is how many columns a terminal has; 80 if it does not say.
func Width(f *os.File) int {
	if s, ok := size(f); ok {
		return int(s.Cols)
	}
	return 80
}

// Remember gives a function that puts the terminal back into the state it is in now.
func Remember(f *os.File) (restore func(), err error) {
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("ask the terminal for its state: %w", err)
	}
	return func() { _ = term.Restore(int(f.Fd()), state) }, nil
}

// Editor reads lines that can be edited and that it remembers. The terminal is in raw mode only while it reads, so that
// what runs between two lines has an ordinary one.
type Editor struct {
	tty   *Terminal
	term  *term.Terminal
	lines history
}

// NewEditor reads from the terminal in and writes to the terminal out; both must be one. Nothing is shown yet.
func NewEditor(in, out *os.File, prompt string) *Editor {
	e := &Editor{tty: Open(in, out)}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&editorKeys{r: e.tty.Keys()}, out}, prompt)
	e.term.History = &e.lines
	e.term.AutoCompleteCallback = e.complete
	return e
}

// ReadLine gives the next line without its end; io.EOF after ^D. ^C gives an empty one in place of what was typed.
func (e *Editor) ReadLine() (string, error) {
	if err := e.tty.Raw(); err != nil {
		return "", err
	}
	defer e.tty.Restore()
	if size := e.tty.Size(); size.Cols > 0 {
		_ = e.term.SetSize(int(size.Cols), int(size.Rows))
	}
	line, err := e.term.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

// complete is the key Tab: the rest of the last line that began with what stands before the cursor.
func (e *Editor) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos == 0 {
		return line, pos, key == '\t'
	}
	for i := range e.lines.Len() {
		if old := e.lines.At(i); strings.HasPrefix(old, line[:pos]) && old != line[:pos] {
			return old, len(old), true
		}
	}
	return line, pos, true
}

// history are the lines, the oldest first.
type history []string

const mostHistory = 1000

// Add leaves out what is empty or was said right before.
func (h *history) Add(line string) {
	if strings.TrimSpace(line) == "" || len(*h) > 0 && (*h)[len(*h)-1] == line {
		return
	}
	*h = append(*h, line)
	if len(*h) > mostHistory {
		*h = (*h)[1:]
	}
}

// Len and At are term.History's.
func (h *history) Len() int { return len(*h) }

// At gives the newest first.
func (h *history) At(i int) string { return (*h)[len(*h)-1-i] }

// Restore is for whoever ends this process while a line is read.
func (e *Editor) Restore() { e.tty.Restore() }

// editorKeys are what is typed, where ^C is not the end of input, as term.Terminal has it, but: clear the line,
// and an empty one.
type editorKeys struct {
	r    io.Reader
	rest []byte
}

func (k *editorKeys) Read(p []byte) (int, error) {
	if len(k.rest) == 0 {
		b := make([]byte, 256)
		n, err := k.r.Read(b)
		if n == 0 {
			return 0, err
		}
		const ctrlC, ctrlE, ctrlU, enter = 3, 5, 21, '\r'
		for _, c := range b[:n] {
			if c == ctrlC {
				k.rest = append(k.rest, ctrlE, ctrlU, enter)
			} else {
				k.rest = append(k.rest, c)
			}
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
