package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSem48_LineIsSplitAsAShellWould(t *testing.T) {
	for line, want := range map[string][]string{
		"a":                     {"a"},
		" a\t b  ":              {"a", "b"},
		`'a b' "c d" e\ f`:      {"a b", "c d", "e f"},
		`a'b'"c"\d`:             {"abcd"},
		`'' ""`:                 {"", ""},
		`"a\"b\\c\d"`:           {`a"b\c\d`},
		"\"a\\\nb\" c\\\nd":     {"ab", "cd"},
		"a\\\n b":               {"a", "b"},
		`'\'`:                   {`\`},
		`"\$x" '$x' \$x`:        {"$x", "$x", "$x"},
		`'*' "?" \* \[`:         {"*", "?", "*", "["},
		`';' "|" \& '<>()'`:     {";", "|", "&", "<>()"},
		"a#b '#'":               {"a#b", "#"},
		"a~b '~' \\~":           {"a~b", "~", "~"},
		"A=b !x %y ^z ] a,b @c": {"A=b", "!x", "%y", "^z", "]", "a,b", "@c"},
		"\xff\xc3 张":            {"\xff\xc3", "张"},
		"'a\nb'":                {"a\nb"},
		"a\rb":                  {"a\rb"},
	} {
		got, err := SplitLine(line)
		require.NoError(t, err, line)
		assert.Equal(t, want, got, line)
	}
}

func TestSem48_LineThatAShellWouldExpandIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"a; b": "operator ';'", "a|b": "operator '|'", "a &": "operator '&'", "a <b": "operator '<'", "a >b": "operator '>'",
		"(a)": "operator '('", "a)": "operator ')'", "a\nb": `operator '\n'`, "a\n": `operator '\n'`,
		"$a": "expansion '$'", `"$a"`: "expansion '$'", "a$(b)": "expansion '$'", "$'a'": "expansion '$'", "`a`": "expansion '`'",
		"\"`a`\"": "expansion '`'", "a{b,c}": "expansion '{'", "a}": "expansion '}'",
		"~": "expansion '~'", "~root/x": "expansion '~'", "a ~": "expansion '~'", "A=~": "expansion '~'", "a:~b": "expansion '~'",
		"*": "glob '*'", "a?": "glob '?'", "[a]": "expansion '['",
		"# a": "comment", "a #b": "comment",
		"'a": "' without its end", `"a`: `" without its end`, `"a\"`: `" without its end`, `a\`: `ends in \`,
		"": "no words", " \t ": "no words", "\\\n": "no words",
		"a\x00b": "NUL", "'\x00'": "NUL", "\"\x00\"": "NUL", "\\\x00": "NUL",
	} {
		_, err := SplitLine(line)
		assert.ErrorContains(t, err, want, "%q", line)
	}
}

func TestJoinedWordsAreSplitBack(t *testing.T) {
	word := rapid.Map(rapid.SliceOf(rapid.ByteRange(1, 255)), func(b []byte) string { return string(b) })
	odd := rapid.StringMatching(`[a'"\\$ \n*~#=:-]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.OneOf(word, odd), 1, 5).Draw(t, "words")
		got, err := SplitLine(JoinWords(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzSplitWordsAreQuotedBack(f *testing.F) {
	f.Add(`a 'b c' "d\"e" f\ g`)
	f.Fuzz(func(t *testing.T, line string) {
		argv, err := SplitLine(line)
		if err != nil {
			return
		}
		back, err := SplitLine(JoinWords(argv))
		require.NoError(t, err)
		require.Equal(t, argv, back)
	})
}
