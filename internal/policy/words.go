package policy

import (
	"errors"
	"fmt"
	"strings"
)

// word is one word of a command line with its quotes taken off. live says of
// each byte whether it stood outside quotes.
type word struct {
	text string
	live []bool
}

// splitWords splits a line into words as a POSIX shell does (POSIX.1-2024 XCU
// 2.2, 2.3), and refuses whatever a shell would do more than split: expand,
// substitute, redirect, sequence, comment. wildcards lets unquoted * and ?
// through. The error continues a sentence that has named the line.
func splitWords(line string, wildcards bool) ([]word, error) {
	var (
		words []word
		text  []byte
		live  []bool
		open  bool // inside a word, which may still be empty
	)
	put := func(c byte, unquoted bool) {
		text, live, open = append(text, c), append(live, unquoted), true
	}
	if strings.IndexByte(line, 0) >= 0 {
		return nil, errors.New("has a NUL in it")
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t':
			if open {
				words = append(words, word{string(text), live})
				text, live, open = nil, nil, false
			}
		case c == '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("has a ' without its end")
			}
			open = true
			for _, q := range []byte(line[i+1 : i+1+end]) {
				put(q, false)
			}
			i += end + 1
		case c == '"':
			inside, length, err := doubleQuoted(line[i+1:])
			if err != nil {
				return nil, err
			}
			open = true
			for _, q := range []byte(inside) {
				put(q, false)
			}
			i += length
		case c == '\\':
			i++
			if i == len(line) {
				return nil, errors.New(`ends in \`)
			}
			if line[i] != '\n' { // else a line goes on
				put(line[i], false)
			}
		case strings.IndexByte("|&;<>()\n", c) >= 0:
			return nil, fmt.Errorf("has the operator %q in it: put it in quotes if it is meant as text", c)
		case c == '$' || c == '`' || c == '{' || c == '}' || c == '[':
			return nil, fmt.Errorf("has the expansion %q in it: put it in quotes if it is meant as text", c)
		case (c == '*' || c == '?') && !wildcards:
			return nil, fmt.Errorf("has the glob %q in it: put it in quotes if it is meant as text", c)
		case c == '#' && !open:
			return nil, errors.New("has a comment in it: put it in quotes if it is meant as text")
		case c == '~' && (len(text) == 0 || text[len(text)-1] == '=' || text[len(text)-1] == ':'):
			return nil, errors.New(`has the expansion '~' in it: put it in quotes if it is meant as text`)
		default:
			put(c, true)
		}
	}
	if open {
		words = append(words, word{string(text), live})
	}
	if len(words) == 0 {
		return nil, errors.New("has no words")
	}
	return words, nil
}

// doubleQuoted reads what stands behind a double quote up to the closing one,
// and says how many bytes that took, the closing one counted (XCU 2.2.3).
func doubleQuoted(s string) (inside string, length int, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), i + 1, nil
		case c == '$' || c == '`':
			return "", 0, fmt.Errorf("has the expansion %q in it: put it in ' ' if it is meant as text", c)
		case c == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i++
		case c == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, errors.New(`has a " without its end`)
}

// SplitLine splits a shell line into the words it would be run with, if it is
// nothing but words and quotes; else the error says what else it is.
func SplitLine(line string) ([]string, error) {
	words, err := splitWords(line, false)
	if err != nil {
		return nil, err
	}
	argv := make([]string, len(words))
	for i, w := range words {
		argv[i] = w.text
	}
	return argv, nil
}

// JoinWords writes words as a line that SplitLine splits back into them.
func JoinWords(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = quoteWord(arg)
	}
	return strings.Join(quoted, " ")
}

func quoteWord(arg string) string {
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("%+,-./:=@_", c) >= 0
	}
	for i := range len(arg) {
		if !plain(arg[i]) {
			return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	if arg == "" {
		return "''"
	}
	return arg
}
