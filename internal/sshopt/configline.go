package sshopt

import (
	"errors"
	"fmt"
	"strings"
)

const blanks = " \t\r\n"

var (
	errEmpty  = errors.New("an empty value")
	errQuotes = errors.New("quotes do not match")
)

// keywordLine applies the argument of one -o, which is one line of ssh_config: KEYWORD=VALUE, KEYWORD VALUE or
// KEYWORD = VALUE. A blank line and a comment are nothing.
func (st *settings) keywordLine(line string) error {
	keyword, rest := cutKeyword(line)
	if keyword == "" || keyword[0] == '#' {
		return nil
	}
	if rest == "" {
		return fmt.Errorf("option -o %.40q: no value given", keyword)
	}
	name := strings.ToLower(keyword)
	class, known := Keyword(name)
	if !known {
		if st.ignoreUnknown.set && matchList(name, strings.ToLower(st.ignoreUnknown.v)) {
			return nil
		}
		return fmt.Errorf("option -o %.40q: ssh has no keyword of this name; see ssh_config(5)", keyword)
	}
	option := "option -o " + keyword
	words, err := splitWords(rest)
	if err != nil {
		return fmt.Errorf("%s: %w in %q", option, err, rest)
	}
	switch class {
	case Ignored:
		return nil
	case ConfigOnly:
		return fmt.Errorf("%s: belongs into a file, not on the command line", option)
	}
	return st.keyword(name, option, rest, words)
}

// cutKeyword splits a line as ssh's strdelim does: the keyword ends at a blank or "=", one "=" and the blanks around it go.
func cutKeyword(line string) (keyword, rest string) {
	line = strings.TrimLeft(strings.TrimRight(line, blanks+"\f"), blanks)
	end := strings.IndexAny(line, blanks+"=")
	if end < 0 {
		return line, ""
	}
	rest = strings.TrimLeft(line[end:], blanks)
	rest = strings.TrimPrefix(rest, "=")
	return line[:end], strings.TrimLeft(rest, blanks)
}

// splitWords splits a value as ssh's argv_split does: blanks separate, either kind of quote joins, a backslash escapes
// quotes, itself and, outside quotes, a space; a word that begins with # ends the value.
func splitWords(s string) ([]string, error) {
	var words []string
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			continue
		}
		if s[i] == '#' {
			break
		}
		word, quote := []byte{}, byte(0)
		for ; i < len(s) && (quote != 0 || s[i] != ' ' && s[i] != '\t'); i++ {
			switch c := s[i]; {
			case c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quote == 0 && s[i+1] == ' '):
				i++
				word = append(word, s[i])
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote != 0 && c == quote:
				quote = 0
			default:
				word = append(word, c)
			}
		}
		if quote != 0 {
			return nil, errQuotes
		}
		words = append(words, string(word))
	}
	return words, nil
}
