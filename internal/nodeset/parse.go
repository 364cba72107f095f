package nodeset

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Expr is an expression that was read and not yet resolved.
type Expr struct {
	text  string
	terms []term
}

// term is what an operator is applied to.
type term struct {
	op      byte // , ! & ^
	at      int  // byte of the text where the term begins
	pattern Pattern
	group   bool // the pattern is of names of groups
	wild    bool // the pattern is of names with * or ? in them
}

const (
	operators = ",!&^"
	wildcards = "*?"

	maxDigits = 18 // of a number in a bracket, so that it and its neighbours fit in 64 bits
)

// SyntaxError says where an expression is wrong.
type SyntaxError struct {
	Expr   string
	Column int // from 1, in characters
	Text   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("node set %s, character %d: %s", shown(e.Expr), e.Column, e.Text)
}

// shown is an expression as messages have it.
func shown(expr string) string {
	const most = 100
	if len(expr) <= most {
		return strconv.Quote(expr)
	}
	return strconv.Quote(strings.ToValidUTF8(expr[:most], "")) + "..."
}

// failAt makes the error for a byte of the expression.
func failAt(expr string, at int, format string, args ...any) error {
	return &SyntaxError{Expr: expr, Column: utf8.RuneCountInString(expr[:at]) + 1, Text: fmt.Sprintf(format, args...)}
}

// Parse reads an expression. An empty one is an error, as is an operator without a term on each side: what was meant to
// stand there is missing.
func Parse(text string) (Expr, error) {
	e := Expr{text: text}
	op, at := byte(','), 0
	for {
		t, end, err := parseTerm(text, at)
		if err != nil {
			return Expr{}, err
		}
		t.op = op
		e.terms = append(e.terms, t)
		if end == len(text) {
			return e, nil
		}
		op, at = text[end], end+1
	}
}

// String returns the text that was read.
func (e Expr) String() string { return e.text }

// parseTerm reads up to an operator or the end.
func parseTerm(text string, at int) (t term, end int, err error) {
	at = skipBlanks(text, at)
	t.at, end = at, at
	if strings.HasPrefix(text[at:], "@") {
		t.group = true
		end++
	}
	body := end
	for end < len(text) && strings.IndexByte(operators, text[end]) < 0 {
		if text[end] == '[' {
			p, next, err := parseBracket(text, end)
			if err != nil {
				return t, 0, err
			}
			t.pattern.pieces = append(t.pattern.pieces, p)
			end = next
			continue
		}
		literal := literalLength(text[end:])
		if literal > 0 {
			t.pattern.pieces = append(t.pattern.pieces, piece{text: text[end : end+literal]})
			t.wild = t.wild || !t.group && strings.ContainsAny(text[end:end+literal], wildcards)
			end += literal
			continue
		}
		after := skipBlanks(text, end)
		if after < len(text) && strings.IndexByte(operators, text[after]) < 0 && after > end {
			return t, 0, failAt(text, end, "a blank inside a name: put a comma between two")
		}
		if after == end {
			return t, 0, refuseCharacter(text, end)
		}
		if end = after; end == len(text) {
			break
		}
	}
	if len(t.pattern.pieces) == 0 {
		return t, 0, missing(text, body, end)
	}
	return t, end, nil
}

// missing is the error for a term that has nothing in it.
func missing(text string, body, end int) error {
	switch {
	case strings.TrimSpace(text) == "":
		return failAt(text, 0, "it is empty: name a host, as in lab[01-40]")
	case body > 0 && text[body-1] == '@':
		return failAt(text, body, "the name of a group is missing behind @")
	case end < len(text):
		return failAt(text, end, "a name is missing before %c", text[end])
	}
	return failAt(text, end, "a name is missing at the end")
}

// refuseCharacter is the error for one that begins neither a name nor anything else.
func refuseCharacter(text string, at int) error {
	r, _ := utf8.DecodeRuneInString(text[at:])
	switch r {
	case ']':
		return failAt(text, at, "] without a [ before it")
	case '@':
		return failAt(text, at, "@ inside a name: a group stands behind an operator, a user before the whole set")
	}
	return failAt(text, at, "%q cannot be in a name", r)
}

// literalLength is how many bytes of text can be in a name.
func literalLength(text string) int {
	for i, r := range text {
		if !nameRune(r) {
			return i
		}
	}
	return len(text)
}

func nameRune(r rune) bool {
	return r != unicode.ReplacementChar && unicode.IsPrint(r) && r != ' ' && !strings.ContainsRune("[]@"+operators, r)
}

// checkName is for names that come from elsewhere.
func checkName(name string) error {
	if name == "" {
		return errors.New("a name is empty")
	}
	n := literalLength(name)
	if wild := strings.IndexAny(name, wildcards); wild >= 0 {
		n = min(n, wild)
	}
	if n < len(name) {
		r, _ := utf8.DecodeRuneInString(name[n:])
		return fmt.Errorf("name %.64q has %q in it, which node sets need for themselves or cannot show", name, r)
	}
	return nil
}

func skipBlanks(text string, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return at
}

// parseBracket reads [01-40/2,50]; text[at] is the [.
func parseBracket(text string, at int) (p piece, next int, err error) {
	closing := strings.IndexByte(text[at:], ']')
	if closing < 0 {
		return piece{}, 0, failAt(text, at, "[ without its ]")
	}
	next = at + closing + 1
	from := at + 1
	for _, item := range strings.Split(text[from:next-1], ",") {
		s, err := parseSpan(strings.Trim(item, " \t\r\n"))
		if err != nil {
			return piece{}, 0, failAt(text, skipBlanks(text, from), "%v", err)
		}
		p.spans = append(p.spans, s)
		from += len(item) + 1
	}
	return p, next, nil
}

// parseSpan reads 7, 01-40 or 01-40/2.
func parseSpan(item string) (span, error) {
	if item == "" {
		return span{}, errors.New("a number is missing: want a number or a range, as 01-40 or 01-40/2")
	}
	numbers, stepText, stepped := strings.Cut(item, "/")
	firstText, lastText, isRange := strings.Cut(numbers, "-")
	firstText, lastText, stepText = strings.TrimSpace(firstText), strings.TrimSpace(lastText), strings.TrimSpace(stepText)
	if !isRange {
		lastText = firstText
	}
	s := span{step: 1}
	for _, number := range []struct {
		text string
		into *uint64
		have bool
	}{{firstText, &s.first, true}, {lastText, &s.last, true}, {stepText, &s.step, stepped}} {
		if !number.have {
			continue
		}
		if number.text == "" || digits(number.text) < len(number.text) {
			return span{}, fmt.Errorf("%.40q is neither a number nor a range, as 01-40 or 01-40/2", item)
		}
		if len(number.text) > maxDigits {
			return span{}, fmt.Errorf("%.40q has more than %d digits", number.text, maxDigits)
		}
		*number.into, _ = strconv.ParseUint(number.text, 10, 64) // digits, few enough
	}
	switch {
	case stepped && !isRange:
		return span{}, fmt.Errorf("%.40q has a step and is no range", item)
	case s.step == 0:
		return span{}, fmt.Errorf("%.40q has the step 0", item)
	case (padded(firstText) || padded(lastText)) && len(firstText) != len(lastText):
		return span{}, fmt.Errorf("%.40q has leading zeros: write both numbers with the same number of digits", item)
	case s.first > s.last:
		return span{}, fmt.Errorf("%.40q goes downwards: the smaller number comes first", item)
	}
	if padded(firstText) {
		s.width = len(firstText)
	}
	return s, nil
}

// padded reports whether a number has leading zeros.
func padded(text string) bool { return len(text) > 1 && text[0] == '0' }

// Groups returns the names of groups in the expression, without @, in their order and each once. A pattern that stands
// for too many is left out: Resolve will refuse it.
func (e Expr) Groups() []string {
	var names []string
	for _, t := range e.terms {
		if t.group {
			expanded, _ := t.pattern.expand()
			names = append(names, expanded...)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	})
}

// Wild reports whether a term of the expression has * or ? in it and so depends on which hosts there are.
func (e Expr) Wild() bool { return slices.ContainsFunc(e.terms, func(t term) bool { return t.wild }) }
