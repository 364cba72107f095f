package fleet

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// Screen is this process's stdout and stderr as all hosts share them: what one writes stays together, and the progress
// line, which stands on the terminal's last line, is taken away before anything else is written there.
type Screen struct {
	out, err         io.Writer
	outTerm, errTerm bool      // it is a terminal
	messages         io.Writer // our own lines; nil: err

	mu    sync.Mutex // also held while writing: whoever reads slowly slows all hosts down, and nothing piles up
	shown int        // columns of the progress line that stands there; 0: none

	muted atomic.Bool
}

// ErrMuted is what writes give while the screen is muted.
var ErrMuted = errors.New("the output was stopped")

// Mute has writes fail from the next one on, or work again.
func (s *Screen) Mute(on bool) { s.muted.Store(on) }

// NewScreen says where the two go, and whether that is a terminal; messages, nil: stderr too, is for our own lines.
func NewScreen(out, err io.Writer, outTerm, errTerm bool, messages io.Writer) *Screen {
	return &Screen{out: out, err: err, outTerm: outTerm, errTerm: errTerm, messages: messages}
}

// Say writes a line of ours, with what others have put into it made harmless.
func (s *Screen) Say(words string) error {
	line := append(appendSafe([]byte("rexec: "), []byte(words)), '\n')
	if s.messages != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err := s.messages.Write(line)
		return err
	}
	return s.Err(line)
}

// Out writes to stdout, Err to stderr. The error is the stream's own.
func (s *Screen) Out(p []byte) error { return s.write(s.out, s.outTerm, p) }

// Err writes to stderr.
func (s *Screen) Err(p []byte) error { return s.write(s.err, s.errTerm, p) }

func (s *Screen) write(w io.Writer, terminal bool, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.muted.Load() {
		return ErrMuted
	}
	if terminal {
		s.clear()
	}
	_, err := w.Write(p)
	return err
}

// clear takes the progress line away, with what every terminal understands.
func (s *Screen) clear() {
	if s.shown > 0 {
		_, _ = io.WriteString(s.err, "\r"+strings.Repeat(" ", s.shown)+"\r")
		s.shown = 0
	}
}

// progress shows a line, which must be narrower than the terminal, in place of the one before; empty: none.
func (s *Screen) progress(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == "" {
		s.clear()
		return
	}
	blank := ""
	if more := s.shown - len(line); more > 0 {
		blank = strings.Repeat(" ", more) + strings.Repeat("\b", more)
	}
	_, _ = io.WriteString(s.err, "\r"+line+blank)
	s.shown = len(line)
}
