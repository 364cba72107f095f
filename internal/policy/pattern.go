package policy

import "errors"

// Pattern says which commands a key may run. It is written as the command
// would be typed in a shell, quotes included, but without expansions or
// operators:
//
//	systemctl restart nginx     exactly these words
//	git-upload-pack *           * is any text, also none, within one word; ? is one byte
//	find . -name '*.log'        in quotes both are themselves
//	rsync --server ...          ... as the last word: any further words, also none
//
// A * crosses "/" and may match what begins with "-": who may choose a word
// may choose an option.
type Pattern struct {
	words []word
	more  bool // ended in ...
}

// ParsePattern reads a pattern. The error continues a sentence that has named
// it.
func ParsePattern(text string) (Pattern, error) {
	words, err := splitWords(text, true)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{words: words}
	if last := words[len(words)-1]; last.text == "..." && last.live[0] {
		p.words, p.more = words[:len(words)-1], true
	}
	if len(p.words) == 0 {
		return Pattern{}, errors.New(`would let everything through: leave commands out, or write "* ..."`)
	}
	return p, nil
}

// Match reports whether the whole of argv fits the pattern.
func (p Pattern) Match(argv []string) bool {
	if len(argv) < len(p.words) || len(argv) > len(p.words) && !p.more {
		return false
	}
	for i, w := range p.words {
		if !glob(w.text, w.live, argv[i]) {
			return false
		}
	}
	return true
}

// glob matches the whole of text: * is any bytes, ? is one. live, if not nil,
// says which bytes of the pattern may be such. It goes back to the last * only,
// so its time is bounded by the product of the lengths.
func glob(pattern string, live []bool, text string) bool {
	is := func(i int, c byte) bool {
		return i < len(pattern) && pattern[i] == c && (live == nil || live[i])
	}
	p, t := 0, 0
	star, from := -1, 0 // behind the last *, and where what it swallows ends
	for t < len(text) {
		switch {
		case is(p, '*'):
			p++
			star, from = p, t
		case is(p, '?') || p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			from++
			p, t = star, from
		default:
			return false
		}
	}
	for is(p, '*') {
		p++
	}
	return p == len(pattern)
}
