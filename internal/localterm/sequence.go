package localterm

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// sequence follows what a command writes on a terminal: whether the last byte stands within a character or a control
// sequence (ECMA-48 5.4, 5.6), where nothing may be written in between, and what the command has switched on, which
// somebody must switch off where the command no longer can.
type sequence struct {
	state  within
	lacks  int    // bytes of the character under way
	params []byte // of the control sequence under way, and its intermediate bytes
	kind   byte   // of another

	on      map[int]bool // DEC private modes that are not as they usually are
	keypad  bool         // application keypad
	keys    int          // how often kitty's keyboard modes were pushed
	other   bool         // xterm's modifyOtherKeys
	cursor  bool         // its shape
	margins bool         // scrolling is limited to a part of the screen
	drawing bool         // lines instead of letters
}

// within is what the last byte stands in.
type within uint8

const (
	ground  within = 0
	escape  within = 1 // behind ESC
	control within = 2 // behind CSI
	str     within = 3 // an operating system's command, a device's, a title
	another within = 4 // behind ESC ( and others of its kind: one more byte
)

// maxParams is more than any sequence that matters here has.
const maxParams = 64

// usual are the private modes that are watched, and whether they are usually set: cursor keys, origin, wrapping, blinking,
// the cursor, mice, focus, the other screen, bracketed paste.
var usual = map[int]bool{1: false, 6: false, 7: true, 9: false, 25: true, 47: false, 1000: false, 1001: false, 1002: false, 1003: false,
	1004: false, 1005: false, 1006: false, 1015: false, 1016: false, 1047: false, 1049: false, 2004: false}

// follow takes the next bytes that are written.
func (s *sequence) follow(p []byte) {
	for len(p) > 0 {
		if s.state == ground {
			i := bytes.IndexByte(p, 0x1b)
			if i < 0 {
				s.character(p)
				return
			}
			s.state, s.lacks = escape, 0
			p = p[i+1:]
			continue
		}
		s.step(p[0])
		p = p[1:]
	}
}

// character notes how many bytes the last character of p still lacks.
func (s *sequence) character(p []byte) {
	last := max(0, len(p)-utf8.UTFMax)
	for i := len(p) - 1; i >= last; i-- {
		if !utf8.RuneStart(p[i]) {
			continue
		}
		s.lacks = 0
		if !utf8.FullRune(p[i:]) {
			s.lacks = length(p[i]) - (len(p) - i)
		}
		return
	}
	s.lacks = max(0, s.lacks-len(p)) // the rest of a character that began before
}

// length is that of a character by its first byte.
func length(first byte) int {
	switch {
	case first >= 0xf0:
		return 4
	case first >= 0xe0:
		return 3
	}
	return 2
}

func (s *sequence) step(c byte) {
	switch {
	case c == 0x18 || c == 0x1a: // CAN and SUB end whatever it was
		s.state = ground
	case c == 0x1b: // also within a string: its end is ESC \
		s.state = escape
	case s.state == escape:
		s.escape(c)
	case s.state == another:
		if s.kind == '(' {
			s.drawing = c == '0'
		}
		s.state = ground
	case s.state == str:
		if c == 0x07 {
			s.state = ground
		}
	case c >= 0x40 && c <= 0x7e:
		s.control(c)
		s.state = ground
	case c >= ' ' && len(s.params) < maxParams:
		s.params = append(s.params, c)
	}
}

func (s *sequence) escape(c byte) {
	s.state = ground
	switch c {
	case '[':
		s.state, s.params = control, s.params[:0]
	case ']', 'P', 'X', '^', '_':
		s.state = str
	case '(', ')', '*', '+', '-', '.', '/', '#', '%', ' ':
		s.state, s.kind = another, c
	case '=', '>':
		s.keypad = c == '='
	case 'c': // all as it was
		*s = sequence{}
	}
}

// control is a whole control sequence that ends with c.
func (s *sequence) control(c byte) {
	p := string(s.params)
	if p == "" && c != 'r' {
		return
	}
	switch {
	case p != "" && p[0] == '?' && (c == 'h' || c == 'l'):
		for _, number := range bytes.Split(s.params[1:], []byte{';'}) {
			mode, err := strconv.Atoi(string(number))
			set, known := usual[mode]
			if err != nil || !known {
				continue
			}
			if s.on == nil {
				s.on = map[int]bool{}
			}
			s.on[mode] = (c == 'h') != set
		}
	case c == 'u' && p[0] == '>':
		s.keys++
	case c == 'u' && p[0] == '<':
		n, _ := strconv.Atoi(p[1:])
		s.keys = max(0, s.keys-max(n, 1))
	case c == 'm' && p[0] == '>':
		s.other = len(p) > 3 && p[1:3] == "4;" && p[3:] != "0"
	case c == 'q' && p[len(p)-1] == ' ':
		s.cursor = p != " " && p != "0 "
	case c == 'r' && (p == "" || p[0] >= '0' && p[0] <= '9' || p[0] == ';'):
		s.margins = p != "" && p != ";"
	case c == 'p' && p == "!": // soft reset
		*s = sequence{on: s.on, params: s.params}
		for _, mode := range []int{1, 6, 25} {
			delete(s.on, mode)
		}
	}
}

// between reports whether something else may be written now.
func (s *sequence) between() bool { return s.state == ground && s.lacks == 0 }

// undo is what makes a terminal usable behind a command that can no longer do so itself.
func (s *sequence) undo() []byte {
	var b []byte
	switch {
	case s.state == str:
		b = append(b, "\x1b\\"...)
	case s.state != ground:
		b = append(b, 0x18)
	}
	for range s.keys {
		b = append(b, "\x1b[<u"...)
	}
	if s.other {
		b = append(b, "\x1b[>4;0m"...)
	}
	if s.margins {
		b = append(b, "\x1b7\x1b[r\x1b8"...)
	}
	for _, mode := range slices.Sorted(maps.Keys(s.on)) {
		if s.on[mode] {
			b = fmt.Appendf(b, "\x1b[?%d%c", mode, map[bool]byte{false: 'l', true: 'h'}[usual[mode]])
		}
	}
	if s.keypad {
		b = append(b, "\x1b>"...)
	}
	if s.cursor {
		b = append(b, "\x1b[0 q"...)
	}
	if s.drawing {
		b = append(b, "\x1b(B"...)
	}
	return append(b, "\x0f\x1b[m"...)
}
