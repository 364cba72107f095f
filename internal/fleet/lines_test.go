package fleet

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// cutAll gives the lines of chunks; those that no newline ended with a ~ behind them.
func cutAll(chunks ...string) []string {
	lines := []string{}
	c := cutter{line: func(text []byte, whole bool) {
		s := string(text)
		if !whole {
			s += "~"
		}
		lines = append(lines, s)
	}}
	for _, chunk := range chunks {
		c.write([]byte(chunk))
	}
	c.end()
	return lines
}

func TestSem54_LinesAreWholeWhereverTheyWereCut(t *testing.T) {
	assert.Equal(t, []string{"a", "", "b\rc", "d", "last~"}, cutAll("a\n\nb\rc\r\nd\nlast"))
	assert.Equal(t, []string{}, cutAll(""))
	assert.Equal(t, []string{"a"}, cutAll("a\n"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab你\r\n"))).Draw(t, "text")
		want := cutAll(text)
		var chunks []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		if got := cutAll(chunks...); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// A host that never ends its line must not cost memory without end, nor cut a character in two.
func TestALineWithoutEndComesInPieces(t *testing.T) {
	text := strings.Repeat("中", longestLine/2)
	for _, chunk := range []int{1000, longestLine, 3 * longestLine} {
		var got strings.Builder
		c := cutter{line: func(text []byte, whole bool) {
			require.True(t, utf8.Valid(text))
			require.LessOrEqual(t, len(text), longestLine)
			require.False(t, whole)
			got.Write(text)
		}}
		for rest := text; rest != ""; {
			n := min(chunk, len(rest))
			c.write([]byte(rest[:n]))
			rest = rest[n:]
			require.LessOrEqual(t, len(c.rest), longestLine)
		}
		c.end()
		require.Equal(t, text, got.String())
	}
	lines := cutAll(text + "\nb\n")
	require.Equal(t, text, strings.ReplaceAll(strings.Join(lines[:len(lines)-1], ""), "~", ""))
	require.Equal(t, "b", lines[len(lines)-1])
	c := cutter{line: func(text []byte, _ bool) { require.LessOrEqual(t, len(text), longestLine) }}
	c.write([]byte(strings.Repeat("\x80", 2*longestLine))) // no character begins anywhere
}

func TestWhatAHostSaysIsHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext":            "plain\ttext",
		"系统找不到指定的路径 目录":          "系统找不到指定的路径 目录",
		"\u3000\u00a0é":          "\u3000\u00a0é",
		"\x1b[31mred\x1b[0m":     `\x1b[31mred\x1b[0m`,
		"a\rb\bc\x00\x7f":        `a\rb\bc\x00\x7f`,
		"\u202eevil\u2066":       `\u202eevil\u2066`,
		"\u2028x\u0085y\u009b31": `\u2028x\u0085y\u009b31`,
		"\xff\xfe\xe4\xb8":       `\xff\xfe\xe4\xb8`,
		"👩\u200d💻":               "👩\u200d💻",
		`C:\new`:                 `C:\new`,
	} {
		assert.Equal(t, want, string(appendSafe(nil, []byte(in))), "%q", in)
	}
}

func FuzzSafe(f *testing.F) {
	f.Add([]byte("a\x1b\xff\u202e中"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := appendSafe([]byte("p:"), in)
		require.True(t, utf8.Valid(out))
		for _, r := range string(out) {
			require.False(t, unicode.IsControl(r) && r != '\t', "%q", out)
			require.False(t, unicode.Is(unicode.Bidi_Control, r), "%q", out)
		}
	})
}
