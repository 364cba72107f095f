package audit

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxCommand = 256 << 10 // all of a START, so that no command that runs is cut
	maxValue   = 4 << 10
)

// timeFormat has a fixed width, so that lines sort as text.
const timeFormat = "2006-01-02T15:04:05.000000000Z"

// begin is a line up to what fields gives.
func begin(dst []byte, now time.Time) []byte {
	dst = append(dst, `{"time":"`...)
	dst = now.UTC().AppendFormat(dst, timeFormat)
	return append(dst, '"')
}

// end is the rest of a line. A field that needs to know the line's place in the file goes in here, in front of the brace.
func end(dst []byte) []byte { return append(dst, "}\n"...) }

// fields is a record as JSON fields, each with a comma in front.
func fields(r Record) []byte {
	w := &writer{b: make([]byte, 0, 512)}
	w.text("event", string(r.Event), maxValue)
	w.text("session", r.Session, maxValue)
	w.text("key", r.Key, maxValue)
	w.text("remote", r.Remote, maxValue)
	w.text("user", r.User, maxValue)
	if c := r.Command; c != nil {
		w.command(c)
	}
	if f := r.Forward; f != nil {
		w.text("address", f.Address, maxValue)
		w.text("origin", f.Origin, maxValue)
	}
	if e := r.End; e != nil {
		w.text("kind", e.Kind, maxValue)
		w.name("code")
		w.b = strconv.AppendInt(w.b, e.Code, 10)
		w.text("signal", e.Signal, maxValue)
		w.number("in", e.In)
		w.number("out", e.Out)
		w.number("err", e.Err)
		w.number("survivors", uint64(e.Survivors))
		w.number("wall_us", uint64(max(e.Wall.Microseconds(), 0)))
	}
	w.list("names", r.Names, maxValue)
	if k := r.Keys; k != nil {
		w.list("added", k.Added, maxCommand)
		w.list("removed", k.Removed, maxCommand)
		w.list("changed", k.Changed, maxCommand)
	}
	w.text("rule", r.Rule, maxValue)
	w.text("reason", r.Reason, maxValue)
	if r.LeftOut > 0 {
		w.number("left_out", r.LeftOut)
	}
	w.notes()
	return w.b
}

func (w *writer) command(c *Command) {
	switch {
	case len(c.Argv) > 0:
		w.list("argv", c.Argv, maxCommand)
	case c.Line != "":
		w.text("line", c.Line, maxCommand)
	case c.Subsystem != "":
		w.text("subsystem", c.Subsystem, maxValue)
	default:
		w.yes("shell")
	}
	w.text("asked", c.Asked, maxCommand)
	if c.Forced {
		w.yes("forced")
	}
	w.text("cwd", c.Cwd, maxValue)
	w.list("env", c.Env, maxValue)
	w.text("words", c.Words, maxValue)
	if t := c.Terminal; t != nil {
		w.name("terminal")
		w.b = append(w.b, `{"term":`...)
		w.value("terminal", t.Term, maxValue)
		w.number("rows", uint64(t.Rows))
		w.number("cols", uint64(t.Cols))
		w.b = append(w.b, '}')
	}
	w.text("request", hex.EncodeToString(c.Request), maxValue)
}

// writer appends fields and remembers what has to be said of them at the end.
type writer struct {
	b       []byte
	escaped []string
	cut     []cut
}

type cut struct {
	field string
	bytes int
}

func (w *writer) name(field string) {
	w.b = append(w.b, `,"`...)
	w.b = append(w.b, field...)
	w.b = append(w.b, `":`...)
}

func (w *writer) yes(field string) {
	w.name(field)
	w.b = append(w.b, "true"...)
}

func (w *writer) number(field string, n uint64) {
	w.name(field)
	w.b = strconv.AppendUint(w.b, n, 10)
}

// text is a field of at most limit bytes, left out if empty.
func (w *writer) text(field, s string, limit int) {
	if s != "" {
		w.name(field)
		w.value(field, s, limit)
	}
}

func (w *writer) value(field, s string, limit int) {
	if len(s) > limit {
		w.cut = append(w.cut, cut{field, len(s)})
		s = clip(s, limit)
	}
	raw := !utf8.ValidString(s)
	if raw {
		w.escaped = append(w.escaped, field)
	}
	w.b = quote(w.b, s, raw)
}

// list is a field of at most limit bytes in all, left out if it has no element.
func (w *writer) list(field string, all []string, limit int) {
	if len(all) == 0 {
		return
	}
	size, shown := 0, []string(nil)
	for _, s := range all {
		if size < limit {
			shown = append(shown, clip(s, limit-size))
		}
		size += len(s) + 1
	}
	if size > limit {
		w.cut = append(w.cut, cut{field, size})
	}
	raw := slices.ContainsFunc(shown, func(s string) bool { return !utf8.ValidString(s) })
	if raw {
		w.escaped = append(w.escaped, field)
	}
	w.name(field)
	w.strings(shown, raw)
}

func (w *writer) strings(all []string, raw bool) {
	w.b = append(w.b, '[')
	for i, s := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = quote(w.b, s, raw)
	}
	w.b = append(w.b, ']')
}

// notes says what happened to the fields before.
func (w *writer) notes() {
	if w.escaped != nil {
		w.name("escaped")
		w.strings(w.escaped, false)
	}
	if w.cut != nil {
		w.name("cut")
		for i, c := range w.cut {
			w.b = append(w.b, "{,"[min(i, 1)], '"')
			w.b = append(w.b, c.field...)
			w.b = append(w.b, `":`...)
			w.b = strconv.AppendInt(w.b, int64(c.bytes), 10)
		}
		w.b = append(w.b, '}')
	}
}

// clip is the start of s, at most limit bytes, that does not end within a character.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for back := 1; back < utf8.UTFMax && back <= limit; back++ {
		if utf8.RuneStart(s[limit-back]) {
			if _, size := utf8.DecodeRuneInString(s[limit-back:]); size > back {
				return s[:limit-back]
			}
			break
		}
	}
	return s[:limit]
}

const hexDigits = "0123456789abcdef"

// quote appends s as a JSON string of printable characters. raw: \\ and \xNN stand for backslashes and for bytes that are
// not UTF-8.
func quote(dst []byte, s string, raw bool) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			case unicode.IsPrint(r):
				dst = append(dst, s[i:i+size]...)
			default:
				dst = escape(dst, r)
			}
			i += size
			continue
		}
		i++
		switch {
		case c == '\\' && raw:
			dst = append(dst, `\\\\`...)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c == 0x7f:
			dst = escape(dst, rune(c))
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// escape appends \uXXXX, twice beyond U+FFFF (RFC 8259 section 7).
func escape(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = escape(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
