package fleet

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"rexec/frame"
)

// Live shows lines as they come, each behind its host's name.
type Live struct {
	screen *Screen
	style  Style
	width  int // of the longest name; 0: names are not aligned
}

// Style says how a View may look.
type Style struct {
	Colour bool // escape sequences are understood, and wanted
	Align  bool // somebody looks at it, rather than a program
	// Raw leaves the bytes between a line's ends as they came. Otherwise what could move a cursor is written out.
	Raw   bool
	Quiet bool // errors and notes are not said
}

// NewLive shows hosts on screen.
func NewLive(screen *Screen, style Style, hosts []Host) *Live {
	l := &Live{screen: screen, style: style}
	if style.Align {
		for _, h := range hosts {
			l.width = max(l.width, utf8.RuneCountInString(h.Name))
		}
	}
	return l
}

// Started is View's.
func (l *Live) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	if info.Note != "" {
		l.say(h, info.Note)
	}
	return newLines(l.screen.Out, l.prefix(h, ""), l.style.Raw), newLines(l.screen.Err, l.prefix(h, errColour), l.style.Raw)
}

// Ended is View's.
func (l *Live) Ended(r Result) {
	if r.Words != "" {
		l.say(r.Host, r.Words)
	}
}

// say is a line about a host.
func (l *Live) say(h Host, words string) {
	if !l.style.Quiet {
		_ = l.screen.Say(h.Name + ": " + words) // who cannot be told, cannot be told
	}
}

const (
	errColour = "\x1b[31m" // of the colon before stderr's lines
	noColour  = "\x1b[0m"
)

// hostColours tell neighbours apart; red is for what went wrong.
var hostColours = [...]string{"\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[34m"}

func (l *Live) prefix(h Host, colon string) []byte {
	blank := " "
	if n := l.width - utf8.RuneCountInString(h.Name); n > 0 {
		blank += strings.Repeat(" ", n)
	}
	if !l.style.Colour {
		return []byte(h.Name + ":" + blank)
	}
	colour := hostColours[h.Index%len(hostColours)]
	return []byte(colour + h.Name + colon + ":" + noColour + blank)
}

// lines is a Sink that writes whole lines, each behind a prefix.
type lines struct {
	write  func([]byte) error
	prefix []byte
	raw    bool

	mu  sync.Mutex
	cut cutter
	out bytes.Buffer // what is to be written in one piece
}

func newLines(write func([]byte) error, prefix []byte, raw bool) *lines {
	l := &lines{write: write, prefix: prefix, raw: raw}
	l.cut.line = l.line
	return l
}

// line ends every line with a newline, also one that has none: what follows is another host's.
func (l *lines) line(text []byte, _ bool) {
	l.out.Write(l.prefix)
	if l.raw {
		l.out.Write(text)
	} else {
		l.out.Write(appendSafe(l.out.AvailableBuffer(), text))
	}
	l.out.WriteByte('\n')
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut.write(p)
	if err := l.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// End writes what no newline ended.
func (l *lines) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut.end()
	return l.flush()
}

func (l *lines) flush() error {
	if l.out.Len() == 0 {
		return nil
	}
	err := l.write(l.out.Bytes())
	l.out.Reset()
	if l.out.Cap() > longestLine {
		l.out = bytes.Buffer{}
	}
	return err
}
