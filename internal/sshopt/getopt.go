package sshopt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	plainLetters = "1246ACGKMNTVXYafgknqstvxy"
	valueLetters = "BDEFIJLOPQRSWbceilmopw"
)

// LongOption declares one long option of the caller's.
type LongOption struct {
	Name   string // without dashes
	Value  bool   // takes a value: --name VALUE or --name=VALUE
	Repeat bool   // may be given more than once
	Alone  bool   // ends the line, as -V does: nothing after it is read, no host is needed
}

// option is one option as found: either a letter or a long option's declaration.
type option struct {
	letter byte
	long   *LongOption
	value  string
}

// scanner is getopt(3) for ssh's letters. It stops at the first word that is no option, and can go on after it.
type scanner struct {
	args   []string // not read yet
	bundle string   // letters of the current word still to be read
	shape  Shape
	long   []LongOption
	ended  bool // a -- was read: everything after it is a word
}

// next returns the next option; false when the next thing is a word or the end.
func (s *scanner) next() (option, bool, error) {
	if s.bundle == "" {
		if s.ended || len(s.args) == 0 {
			return option{}, false, nil
		}
		word := s.args[0]
		if len(word) < 2 || word[0] != '-' {
			return option{}, false, nil
		}
		s.args = s.args[1:]
		if word == "--" {
			s.ended = true
			return option{}, false, nil
		}
		if strings.HasPrefix(word, "--") && s.shape == Rexec {
			return s.longOption(word[2:])
		}
		s.bundle = word[1:]
	}
	return s.letterOption()
}

func (s *scanner) letterOption() (option, bool, error) {
	o := option{letter: s.bundle[0]}
	switch {
	case strings.IndexByte(plainLetters, o.letter) >= 0:
		s.bundle = s.bundle[1:]
		return o, true, nil
	case strings.IndexByte(valueLetters, o.letter) >= 0:
		o.value, s.bundle = s.bundle[1:], ""
		if o.value != "" {
			return o, true, nil
		}
		value, ok := s.take()
		if !ok {
			return o, false, fmt.Errorf("option -%c needs a value; see rexec help", o.letter)
		}
		o.value = value
		return o, true, nil
	}
	r, size := utf8.DecodeRuneInString(s.bundle)
	if r == '-' {
		return o, false, fmt.Errorf("unknown option %q; there are no long options in the shape of ssh, see rexec help", "-"+s.bundle)
	}
	return o, false, fmt.Errorf("unknown option %q; see rexec help", "-"+s.bundle[:size])
}

func (s *scanner) longOption(word string) (option, bool, error) {
	name, value, glued := strings.Cut(word, "=")
	for i := range s.long {
		o := option{long: &s.long[i], value: value}
		if o.long.Name != name {
			continue
		}
		if o.long.Value == glued {
			return o, true, nil
		}
		if glued {
			return o, false, fmt.Errorf("option --%s takes no value, it was given %q", name, value)
		}
		if value, ok := s.take(); ok {
			o.value = value
			return o, true, nil
		}
		return o, false, fmt.Errorf("option --%s needs a value; see rexec help", name)
	}
	return option{}, false, fmt.Errorf("unknown option %q; see rexec help", "--"+name)
}

// take returns the next word whatever it looks like.
func (s *scanner) take() (string, bool) {
	if len(s.args) == 0 {
		return "", false
	}
	word := s.args[0]
	s.args = s.args[1:]
	return word, true
}
