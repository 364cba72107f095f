package text

import (
	"bytes"
	"unicode/utf8"
)

// maxHeld bounds what is held of a line; see lines.
const maxHeld = 4 << 10

// lines decides line by line, without memory: a line is UTF-8 if each of its non-ASCII bytes belongs to a valid sequence
// of three or four bytes, and otherwise in the host's encoding. Sequences of two do not count: nearly a fifth of the
// common one-character lines in GBK look like one, while of 1.2 million lines none looked like longer ones.
//
// From its first non-ASCII byte on a line is held, until it ends, maxHeld, or a pause; what was held then is judged by
// itself. A line ends with LF or CR: programs that show how far they are end theirs with CR.
type lines struct {
	codec codec
	held  []byte // begins with a byte that is not ASCII
	begun int    // bytes of held that are known to be half a character: more must come
	wide  bool   // begun is half a character of UTF-8
}

func (l *lines) append(dst, p []byte) []byte {
	for len(p) > 0 {
		if len(l.held) == 0 {
			n := asciiPrefix(p)
			dst, p = append(dst, p[:n]...), p[n:]
			if len(p) == 0 {
				break
			}
		}
		room := min(maxHeld-len(l.held), len(p))
		end := lineEnd(p[:room])
		if end > 0 && len(l.held) == 0 {
			dst, _, _ = l.judge(dst, p[:end], false)
			p = p[end:]
			continue
		}
		if end > 0 {
			room = end
		}
		l.held, p = append(l.held, p[:room]...), p[room:]
		switch {
		case end > 0:
			dst, _, _ = l.judge(dst, l.held, false)
			l.keep(len(l.held), false)
		case len(l.held) == maxHeld:
			dst = l.pause(dst)
		}
	}
	return dst
}

// keep drops held's first n bytes; what is left is half a character.
func (l *lines) keep(n int, wide bool) {
	l.held = append(l.held[:0], l.held[n:]...)
	l.begun, l.wide = len(l.held), wide
}

// lineEnd is the length of the line that p begins with, its end included; 0: it does not end in p.
func lineEnd(p []byte) int {
	end := bytes.IndexByte(p, '\n') + 1
	if end > 0 {
		p = p[:end]
	}
	if cr := bytes.IndexByte(p, '\r') + 1; cr > 0 {
		return cr
	}
	return end
}

// judge decodes one piece; cut says that it may end within a character, whose beginning is then p[n:].
func (l *lines) judge(dst, p []byte, cut bool) (out []byte, n int, wide bool) {
	if whole, ok := onlyUTF8(p, cut, cut && l.wide); ok {
		return append(dst, p[:whole]...), whole, true
	}
	out, n = l.codec.decode(dst, p)
	return out, n, false
}

// onlyUTF8 reports whether p's non-ASCII bytes are UTF-8 of three and four bytes. With cut, a sequence that p does not end
// is one too, if another came before in p or, with after, before p; whole is where it begins.
func onlyUTF8(p []byte, cut, after bool) (whole int, ok bool) {
	ok = after
	for whole < len(p) {
		if n := asciiPrefix(p[whole:]); n > 0 {
			whole += n
			continue
		}
		_, size := utf8.DecodeRune(p[whole:])
		if size < 3 {
			return whole, cut && ok && p[whole] >= 0xE0 && !utf8.FullRune(p[whole:])
		}
		whole, ok = whole+size, true
	}
	return whole, ok
}

func (l *lines) pause(dst []byte) []byte {
	dst, n, wide := l.judge(dst, l.held, true)
	l.keep(n, wide)
	return dst
}

func (l *lines) waits() bool { return len(l.held) > l.begun }
func (l *lines) clean() bool { return len(l.held) == 0 }

func (l *lines) end(dst []byte) []byte {
	if dst = l.pause(dst); len(l.held) > 0 {
		l.keep(len(l.held), false)
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}
