package localterm

import "fmt"

// Action is what an escape asks for.
type Action uint8

// The actions, by what is typed behind the escape character.
const (
	NoAction Action = 0
	Leave    Action = 1 // .
	Help     Action = 2 // ?
	Status   Action = 3 // #
	Suspend  Action = 4 // ^Z
	// Gone is not typed: the terminal hung up, nothing will ever be typed again.
	Gone Action = 5
)

// Escapes finds what is typed for this program among what is typed for the command: the escape character at the beginning
// of a line, and one character behind it. As in ssh a line begins behind Return or Newline, behind an escape that was
// carried out, and before anything was typed.
type Escapes struct {
	char    byte
	off     bool
	within  bool // the line has begun
	pending bool // the escape character was typed, what follows decides
}

// NewEscapes watches for char.
func NewEscapes(char byte) *Escapes { return &Escapes{char: char} }

// NoEscapes finds none: all that is typed is the command's.
func NoEscapes() *Escapes { return &Escapes{off: true} }

// Scan puts what of typed is the command's behind dst, up to and with the first action, and tells how much of typed that
// was.
func (e *Escapes) Scan(dst, typed []byte) (send []byte, taken int, act Action) {
	if e.off {
		return append(dst, typed...), len(typed), NoAction
	}
	for i, c := range typed {
		switch {
		case e.pending:
			e.pending = false
			if act := action(c); act != NoAction {
				return dst, i + 1, act
			}
			if c != e.char {
				dst = append(dst, e.char)
			}
		case !e.within && c == e.char:
			e.pending = true
			continue
		}
		e.within = c != '\r' && c != '\n'
		dst = append(dst, c)
	}
	return dst, len(typed), NoAction
}

func action(c byte) Action {
	switch c {
	case '.':
		return Leave
	case '?':
		return Help
	case '#':
		return Status
	case 'Z' - '@':
		return Suspend
	}
	return NoAction
}

// Typed shows what is typed for an action; empty: nothing is.
func (e *Escapes) Typed(act Action) string {
	if e.off {
		return ""
	}
	key := map[Action]string{Leave: ".", Help: "?", Status: "#", Suspend: "^Z"}[act]
	return caret(e.char) + key
}

// Help lists the escapes.
func (e *Escapes) Help() []string {
	c := caret(e.char)
	return []string{
		fmt.Sprintf("%s.   leave: what runs there is ended", c),
		fmt.Sprintf("%s^Z  suspend rexec and go back to the shell here", c),
		fmt.Sprintf("%s#   show the connection", c),
		fmt.Sprintf("%s?   show this", c),
		fmt.Sprintf("%s%s   type a %s", c, c, c),
		"(each at the beginning of a line)",
	}
}

// caret writes a control character as it is spoken of.
func caret(c byte) string {
	switch {
	case c < ' ':
		return "^" + string(rune(c+'@'))
	case c == 0x7f:
		return "^?"
	case c > 0x7f:
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(rune(c))
}
