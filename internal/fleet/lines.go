package fleet

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// longestLine bounds what is held of a line that does not end; a longer one is cut into pieces.
const longestLine = 256 << 10

// cutter cuts a stream into lines, whose ends, a newline and a carriage return before it, are taken off.
type cutter struct {
	rest []byte // of a line that has not ended
	// line gets each; whole is false for a piece of one that is too long, and for the last one if no newline ended it.
	line func(text []byte, whole bool)
}

func (c *cutter) write(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		text := p[:i]
		if len(c.rest) > 0 {
			c.rest = append(c.rest, text...)
			text = c.rest
		}
		c.cut(bytes.TrimSuffix(text, []byte{'\r'}), true)
		c.rest = c.rest[:0]
		p = p[i+1:]
	}
	c.rest = append(c.rest, p...)
	if len(c.rest) > longestLine {
		left := c.cut(c.rest, false)
		c.rest = append(c.rest[:0], left...)
	}
}

// cut hands text on in pieces; what is left of one that goes on is returned.
func (c *cutter) cut(text []byte, whole bool) []byte {
	for len(text) > longestLine {
		n := longestLine
		for back := n; back > n-utf8.UTFMax; back-- { // not through a character
			if utf8.RuneStart(text[back]) {
				n = back
				break
			}
		}
		c.line(text[:n], false)
		text = text[n:]
	}
	if whole {
		c.line(text, true)
		return nil
	}
	return text
}

// end hands on what no newline ended.
func (c *cutter) end() {
	if len(c.rest) > 0 {
		c.line(c.rest, false)
		c.rest = nil
	}
}

// appendSafe appends text of the other side's as it may be shown among lines that are ours: what could move a cursor,
// reorder or end the line, and bytes that are no UTF-8, are written in Go's notation. Tabs stay.
func appendSafe(dst, text []byte) []byte {
	from := 0
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < 0x7f || c == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if size > 1 && harmless(r) {
			i += size
			continue
		}
		dst = append(dst, text[from:i]...)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, '\\', 'x', hexDigits[text[i]>>4], hexDigits[text[i]&15])
		} else {
			q := strconv.AppendQuoteRuneToASCII(nil, r)
			dst = append(dst, q[1:len(q)-1]...)
		}
		i += size
		from = i
	}
	return append(dst, text[from:]...)
}

const hexDigits = "0123456789abcdef"

// harmless is any character but controls of C1, line and paragraph separators, and those that turn the direction of
// writing (Unicode Standard Annex 9).
func harmless(r rune) bool {
	switch {
	case r < 0xa0, r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}
