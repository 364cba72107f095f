package localterm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// followed is a sequence behind text that came in pieces.
func followed(pieces ...string) *sequence {
	s := &sequence{}
	for _, p := range pieces {
		s.follow([]byte(p))
	}
	return s
}

func TestNothingMayBeWrittenWithinASequenceOrACharacter(t *testing.T) {
	for _, c := range []struct {
		out     string
		between bool
	}{
		{"", true}, {"text", true}, {"你好", true}, {"text\r\n", true},
		{"你好"[:4], false}, {"你好"[:5], false}, {"\xf0\x9f\x98", false}, {"\xf0\x9f\x98\x80", true}, {"é"[:1], false},
		{"\xff", true}, {"\x80\x80\x80\x80", true}, // no characters at all
		{"\x1b", false}, {"\x1b[", false}, {"\x1b[3", false}, {"\x1b[31", false}, {"\x1b[31m", true},
		{"\x1b[?1049h", true}, {"\x1b[?10", false}, {"\x1b[1;2 q", true}, {"\x1b[1 ", false},
		{"\x1b7", true}, {"\x1bc", true}, {"\x1b(", false}, {"\x1b(0", true}, {"\x1b#8", true}, {"\x1b)", false},
		{"\x1b]0;a title", false}, {"\x1b]0;a title\x07", true}, {"\x1b]0;a title\x1b", false}, {"\x1b]0;a title\x1b\\", true},
		{"\x1bP+q544e", false}, {"\x1bP+q544e\x1b\\", true}, {"\x1b_x\x1b\\", true}, {"\x1b^x\x1b\\", true}, {"\x1bXx\x1b\\", true},
		{"\x1b[31\x18", true}, {"\x1b]0;x\x1a", true}, // CAN, SUB
		{"\x1b[31\x1b[0m", true}, {"\x1b\x1b[0", false}, // ESC begins anew
		{"\x1b[3\r1m", true}, // a control within a sequence is carried out, the sequence goes on
		{"\x1b]0;\xe4\xbd\xa0\x07", true},
	} {
		assert.Equal(t, c.between, followed(c.out).between(), "%q", c.out)
		assert.Equal(t, c.between, followed(strings.Split(c.out, "")...).between(), "%q by characters", c.out)
		var bytes []string
		for i := range len(c.out) {
			bytes = append(bytes, c.out[i:i+1])
		}
		assert.Equal(t, c.between, followed(bytes...).between(), "%q by bytes", c.out)
		assert.Equal(t, c.between, followed("before \x1b[m", c.out).between(), "%q behind other text", c.out)
	}
}

func TestWhatACommandSwitchedOnIsUndone(t *testing.T) {
	const end = "\x0f\x1b[m"
	for _, c := range []struct{ out, undo, why string }{
		{"text\x1b[31m", end, "colours always end"},
		{"\x1b[?1049h", "\x1b[?1049l" + end, "the other screen"},
		{"\x1b[?1049h\x1b[?1049l", end, "and back again"},
		{"\x1b[?25l", "\x1b[?25h" + end, "the cursor is usually seen"},
		{"\x1b[?25l\x1b[?25h", end, ""},
		{"\x1b[?1;1000;1006;2004h", "\x1b[?1l\x1b[?1000l\x1b[?1006l\x1b[?2004l" + end, "several at once"},
		{"\x1b[?7l", "\x1b[?7h" + end, "wrapping"},
		{"\x1b[?12h\x1b[?9999h\x1b[4h\x1b[?;h\x1b[?xh", end, "what nobody watches"},
		{"\x1b=", "\x1b>" + end, "keypad"},
		{"\x1b=\x1b>", end, ""},
		{"\x1b[>1u\x1b[>5u", "\x1b[<u\x1b[<u" + end, "kitty's keyboard"},
		{"\x1b[>1u\x1b[>5u\x1b[<u", "\x1b[<u" + end, ""},
		{"\x1b[>1u\x1b[<9u", end, ""},
		{"\x1b[>4;2m", "\x1b[>4;0m" + end, "xterm's"},
		{"\x1b[>4;2m\x1b[>4;0m", end, ""},
		{"\x1b[>4;2m\x1b[>4m", end, ""},
		{"\x1b[5 q", "\x1b[0 q" + end, "the cursor's shape"},
		{"\x1b[5 q\x1b[ q", end, ""},
		{"\x1b[2;20r", "\x1b7\x1b[r\x1b8" + end, "margins"},
		{"\x1b[2;20r\x1b[r", end, ""},
		{"\x1b[?1r\x1b[31p", end, "not margins"},
		{"\x1b(0", "\x1b(B" + end, "line drawing"},
		{"\x1b(0\x1b(B", end, ""},
		{"\x1b[?1049h\x1b[?25l\x1b=\x1bc", end, "a whole reset"},
		{"\x1b[?1049h\x1b[?25l\x1b=\x1b[!p", "\x1b[?1049l" + end, "a soft reset leaves the screen"},
		{"\x1b]0;tit", "\x1b\\" + end, "a string under way ends"},
		{"\x1b[3", "\x18" + end, "a sequence too"},
		{"\x1b[" + strings.Repeat("1;", 1000) + "m\x1b[?25l", "\x1b[?25h" + end, "endless parameters"},
	} {
		assert.Equal(t, c.undo, string(followed(c.out).undo()), "%q %s", c.out, c.why)
		assert.Equal(t, c.undo, string(followed(strings.Split(c.out, "")...).undo()), "%q cut, %s", c.out, c.why)
	}
}

func FuzzSequence(f *testing.F) {
	f.Add([]byte("\x1b[?1049h\x1b]0;你好\x07"), 3)
	f.Fuzz(func(t *testing.T, out []byte, cut int) {
		cut = min(max(cut, 0), len(out))
		whole, parts := followed(string(out)), followed(string(out[:cut]), string(out[cut:]))
		assert.Equal(t, whole.undo(), parts.undo())
		assert.LessOrEqual(t, len(whole.params), maxParams)
		whole.follow(whole.undo())
		assert.Equal(t, "\x0f\x1b[m", string(whole.undo()), "what is undone is undone")
	})
}

func BenchmarkSequence(b *testing.B) {
	for name, line := range map[string]string{"plain": strings.Repeat("y\r\n", 1000), "coloured": strings.Repeat("\x1b[31mred\x1b[0m\r\n", 200)} {
		b.Run(name, func(b *testing.B) {
			s := &sequence{}
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				s.follow([]byte(line))
			}
		})
	}
}
