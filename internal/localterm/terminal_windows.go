package localterm

import (
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/sys/windows"
)

// saved is what a console was before; its input and its output have modes of their own.
type saved struct{ in, out *uint32 }

func raw(in, out *os.File) (*saved, error) {
	s := &saved{}
	if in != nil {
		mode, err := change(in, func(m uint32) uint32 {
			const cooked = windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
			return m&^cooked | windows.ENABLE_VIRTUAL_TERMINAL_INPUT
		})
		if err != nil {
			return nil, err
		}
		s.in = &mode
	}
	if out != nil {
		mode, err := change(out, func(m uint32) uint32 {
			return m | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING | windows.DISABLE_NEWLINE_AUTO_RETURN
		})
		if err == nil { // consoles before Windows 10 know no sequences: the text still is there
			s.out = &mode
		}
	}
	return s, nil
}

// change gives the mode that was.
func change(f *os.File, to func(uint32) uint32) (uint32, error) {
	h := windows.Handle(f.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return 0, err
	}
	return mode, windows.SetConsoleMode(h, to(mode))
}

func (s *saved) restore(in, out *os.File) {
	if s.in != nil {
		_ = windows.SetConsoleMode(windows.Handle(in.Fd()), *s.in)
	}
	if s.out != nil {
		_ = windows.SetConsoleMode(windows.Handle(out.Fd()), *s.out)
	}
}

func size(f *os.File) (Size, bool) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return Size{}, false
	}
	w := info.Window
	return Size{Rows: uint16(w.Bottom - w.Top + 1), Cols: uint16(w.Right - w.Left + 1)}, true
}

// keys reads the console itself: for os.File ^Z is the end of what is typed.
func keys(in *os.File) io.Reader { return &consoleKeys{h: windows.Handle(in.Fd())} }

type consoleKeys struct {
	h    windows.Handle
	half rune   // the first of a pair; 0: none
	rest []byte // not yet read
}

func (k *consoleKeys) Read(p []byte) (int, error) {
	for len(k.rest) == 0 {
		var buf [256]uint16
		var n uint32
		if err := windows.ReadConsole(k.h, &buf[0], uint32(len(buf)), &n, nil); err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		k.take(buf[:n])
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

func (k *consoleKeys) take(units []uint16) {
	k.rest = k.rest[:0]
	for _, u := range units {
		r := rune(u)
		switch {
		case k.half != 0:
			r = utf16.DecodeRune(k.half, r)
			k.half = 0
		case utf16.IsSurrogate(r):
			k.half = r
			continue
		}
		k.rest = utf8.AppendRune(k.rest, r)
	}
}

// Name is the terminal's: TERM, or what a console with sequences is like.
func Name(term string) string {
	if term == "" {
		return "xterm-256color"
	}
	return term
}
