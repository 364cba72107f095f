package localterm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// scan feeds typed in pieces and gives what the command gets, the actions marked as they come.
func scan(e *Escapes, pieces ...string) string {
	var all strings.Builder
	for _, piece := range pieces {
		for p := []byte(piece); len(p) > 0; {
			send, taken, act := e.Scan(nil, p)
			p = p[taken:]
			all.Write(send)
			if act != NoAction {
				all.WriteString(map[Action]string{Leave: "<leave>", Help: "<help>", Status: "<status>", Suspend: "<suspend>"}[act])
			}
		}
	}
	return all.String()
}

func TestSem31_EscapesOnlyAtTheBeginningOfALine(t *testing.T) {
	for _, c := range []struct{ typed, want, why string }{
		{"~.", "<leave>", "before anything was typed"},
		{"ls\r~.", "ls\r<leave>", "behind Return"},
		{"ls\n~.", "ls\n<leave>", "behind Newline"},
		{"ls\r\n~?", "ls\r\n<help>", "behind both"},
		{"a~.", "a~.", "inside a line"},
		{" ~.", " ~.", "a blank begins the line"},
		{"\x7f~.", "\x7f~.", "so does a Backspace, as in ssh"},
		{"~?", "<help>", ""},
		{"~#", "<status>", ""},
		{"~\x1a", "<suspend>", ""},
		{"~~", "~", "the character itself"},
		{"~~.", "~.", "once is enough"},
		{"~~\r~.", "~\r<leave>", ""},
		{"~x", "~x", "no escape: both are typed"},
		{"~x~.", "~x~.", "and the line has begun"},
		{"~\r~.", "~\r<leave>", "Return behind the character ends the line"},
		{"~?~#~.", "<help><status><leave>", "behind an escape the line still begins"},
		{"~?a~.", "<help>a~.", ""},
		{"\r~\x1a\r~.", "\r<suspend>\r<leave>", ""},
		{"~/bin\r", "~/bin\r", "a home folder"},
		{"é\r~.", "é\r<leave>", "bytes above 127"},
		{"~é", "~é", ""},
		{"\x1b[A~.", "\x1b[A~.", "an arrow key begins the line"},
		{"\x1a", "\x1a", "^Z alone is a byte"},
		{"\x03\x04", "\x03\x04", "and so are ^C and ^D"},
		{"~", "", "what follows decides"},
	} {
		assert.Equal(t, c.want, scan(NewEscapes('~'), c.typed), "%q: %s", c.typed, c.why)
		assert.Equal(t, c.want, scan(NewEscapes('~'), strings.Split(c.typed, "")...), "%q typed one by one: %s", c.typed, c.why)
	}
}

func TestSem31_AnotherCharacterAndNone(t *testing.T) {
	assert.Equal(t, "~.\r<leave>", scan(NewEscapes('%'), "~.\r%."))
	assert.Equal(t, "\x1d", scan(NewEscapes(0x1d), "\x1d\x1d"))
	assert.Equal(t, "~.\r~?\r~~", scan(NoEscapes(), "~.\r~?\r~~"))
}

func TestSem31_NothingTypedIsLostHoweverItIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := string(rapid.SliceOf(rapid.SampledFrom([]byte("~~~.?#\x1a\r\nab"))).Draw(t, "typed"))
		whole := scan(NewEscapes('~'), typed)
		var pieces []string
		for rest := typed; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		assert.Equal(t, whole, scan(NewEscapes('~'), pieces...), "%q", pieces)
		assert.Equal(t, typed, scan(NoEscapes(), pieces...))
	})
}

func TestSem31_HelpNamesEveryEscape(t *testing.T) {
	help := strings.Join(NewEscapes('~').Help(), "\n")
	for _, act := range []Action{Leave, Help, Status, Suspend} {
		assert.Contains(t, help, NewEscapes('~').Typed(act))
	}
	assert.Contains(t, help, "~~")
	assert.Contains(t, strings.Join(NewEscapes(0x1d).Help(), "\n"), "^].")
	assert.Equal(t, "^?.", NewEscapes(0x7f).Typed(Leave))
	assert.Equal(t, `\xe9.`, NewEscapes(0xe9).Typed(Leave))
}

func FuzzEscapes(f *testing.F) {
	f.Add([]byte("~.\r~~"), byte('~'), 3)
	f.Fuzz(func(t *testing.T, typed []byte, char byte, cut int) {
		cut = min(max(cut, 0), len(typed))
		whole := scan(NewEscapes(char), string(typed))
		assert.Equal(t, whole, scan(NewEscapes(char), string(typed[:cut]), string(typed[cut:])))
	})
}
