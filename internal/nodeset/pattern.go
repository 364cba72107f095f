package nodeset

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Pattern is one term: literal text and brackets in turn.
type Pattern struct{ pieces []piece }

// piece is text or, if there are spans, a bracket.
type piece struct {
	text  string
	spans []span
}

// span is numbers that step from the first on and are not above the last, written with at least width digits.
type span struct {
	first, last, step uint64
	width             int // 0: no leading zeros
}

// count is at least 1.
func (s span) count() uint64 { return (s.last-s.first)/s.step + 1 }

func (s span) write(n uint64) string {
	text := strconv.FormatUint(n, 10)
	if pad := s.width - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	return text
}

// has reports whether the digits are a number of the span, written as the span writes it.
func (s span) has(text string) bool {
	if len(text) > maxDigits {
		return false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return err == nil && n >= s.first && n <= s.last && (n-s.first)%s.step == 0 && s.write(n) == text
}

// size is how many names a bracket, or the whole pattern, makes, doubles counted; the largest number if it does not fit.
func (p piece) size() uint64 {
	if p.spans == nil {
		return 1
	}
	var sum, carry uint64
	for _, s := range p.spans {
		if sum, carry = bits.Add64(sum, s.count(), 0); carry > 0 {
			return 1<<64 - 1
		}
	}
	return sum
}

func (p Pattern) size() uint64 {
	product := uint64(1)
	for _, piece := range p.pieces {
		high, low := bits.Mul64(product, piece.size())
		if high > 0 {
			return 1<<64 - 1
		}
		product = low
	}
	return product
}

// expand makes all names, which must be few enough.
func (p Pattern) expand() ([]string, error) {
	if n := p.size(); n > MaxNames {
		return nil, errTooMany(n)
	}
	names := []string{""}
	for _, piece := range p.pieces {
		if piece.spans == nil {
			for i := range names {
				names[i] += piece.text
			}
			continue
		}
		next := make([]string, 0, uint64(len(names))*piece.size())
		for _, name := range names {
			for _, s := range piece.spans {
				for i := range s.count() {
					next = append(next, name+s.write(s.first+i*s.step))
				}
			}
		}
		names = next
	}
	return names, nil
}

func errTooMany(n uint64) error {
	return fmt.Errorf("stands for %d names, more than %d: ask for fewer", n, MaxNames)
}

// match reports whether the name is one of the pattern's, and what stands in its brackets then.
func (p Pattern) match(name string) (numbers []string, ok bool) {
	failed := map[[2]int]bool{} // pieces and bytes of the name done
	var from func(i, at int) bool
	from = func(i, at int) bool {
		if i == len(p.pieces) {
			return at == len(name)
		}
		if failed[[2]int{i, at}] {
			return false
		}
		piece, rest := p.pieces[i], name[at:]
		if piece.spans == nil {
			if strings.HasPrefix(rest, piece.text) && from(i+1, at+len(piece.text)) {
				return true
			}
		} else {
			for n := min(digits(rest), maxDigits); n > 0; n-- {
				if !piece.has(rest[:n]) {
					continue
				}
				numbers = append(numbers, rest[:n])
				if from(i+1, at+n) {
					return true
				}
				numbers = numbers[:len(numbers)-1]
			}
		}
		failed[[2]int{i, at}] = true
		return false
	}
	return numbers, from(0, 0)
}

func (p piece) has(text string) bool {
	for _, s := range p.spans {
		if s.has(text) {
			return true
		}
	}
	return false
}

// ends are the names of the smallest and of the largest numbers.
func (p Pattern) ends() []string {
	var first, last strings.Builder
	for _, piece := range p.pieces {
		if piece.spans == nil {
			first.WriteString(piece.text)
			last.WriteString(piece.text)
			continue
		}
		low, high := piece.spans[0], piece.spans[0]
		for _, s := range piece.spans {
			if s.first < low.first {
				low = s
			}
			if s.top() > high.top() {
				high = s
			}
		}
		first.WriteString(low.write(low.first))
		last.WriteString(high.write(high.top()))
	}
	if first.String() == last.String() {
		return []string{first.String()}
	}
	return []string{first.String(), last.String()}
}

// top is the last number that the steps reach.
func (s span) top() uint64 { return s.first + (s.count()-1)*s.step }
