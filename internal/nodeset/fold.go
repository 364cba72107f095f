package nodeset

import (
	"slices"
	"strconv"
	"strings"
)

// block is names of one shape: the text around their runs of digits is the same, and all combinations of the runs are
// there. Names with one run are a list, with two a rectangle, and so on.
type block struct {
	axes  [][]string // for each run the digits, in order
	first string     // the block's first name
}

// fold writes names, which are sorted, as an expression. It joins blocks while two differ in one axis alone, so nothing
// but the given names is ever in one; it does not look for the fewest blocks.
func fold(names []string) string {
	shapes := map[string][]block{}
	texts := map[string][]string{}
	for _, name := range names {
		text, runs := split(name)
		shape := strings.Join(text, "\x00")
		texts[shape] = text
		axes := make([][]string, len(runs))
		for i := range runs {
			axes[i] = runs[i : i+1]
		}
		shapes[shape] = append(shapes[shape], block{axes, name})
	}
	type folded struct{ first, text string }
	var all []folded
	for shape, blocks := range shapes {
		for _, b := range join(blocks, len(texts[shape])-1) {
			all = append(all, folded{b.first, b.write(texts[shape])})
		}
	}
	slices.SortFunc(all, func(a, b folded) int { return Compare(a.first, b.first) })
	words := make([]string, len(all))
	for i, f := range all {
		words[i] = f.text
	}
	return strings.Join(words, ",")
}

// split takes a name apart; there is one text more than runs. What is too long for a bracket stays text.
func split(name string) (text, runs []string) {
	start := 0
	for i := 0; i < len(name); {
		n := digits(name[i:])
		if n == 0 {
			i++
			continue
		}
		if n <= maxDigits {
			text, runs = append(text, name[start:i]), append(runs, name[i:i+n])
			start = i + n
		}
		i += n
	}
	return append(text, name[start:]), runs
}

// join joins the blocks of one shape, the last axis first, until no two go together.
func join(blocks []block, axes int) []block {
	for before := -1; len(blocks) != before; {
		before = len(blocks)
		for axis := axes - 1; axis >= 0; axis-- {
			blocks = joinAlong(blocks, axis)
		}
	}
	return blocks
}

// joinAlong makes one block of all that agree in every other axis. Blocks never overlap, so their digits on this axis
// differ then.
func joinAlong(blocks []block, axis int) []block {
	var joined []block
	at := map[string]int{}
	for _, b := range blocks {
		others := b.key(axis)
		i, ok := at[others]
		if !ok {
			at[others] = len(joined)
			b.axes = slices.Clone(b.axes)
			b.axes[axis] = slices.Clone(b.axes[axis])
			joined = append(joined, b)
			continue
		}
		into := &joined[i]
		into.axes[axis] = append(into.axes[axis], b.axes[axis]...)
		if Compare(b.first, into.first) < 0 {
			into.first = b.first
		}
	}
	for _, b := range joined {
		slices.SortFunc(b.axes[axis], Compare)
	}
	return joined
}

// key is all axes but one.
func (b block) key(without int) string {
	var key strings.Builder
	for i, axis := range b.axes {
		if i == without {
			continue
		}
		for _, digits := range axis {
			key.WriteString(digits)
			key.WriteByte(',')
		}
		key.WriteByte(';')
	}
	return key.String()
}

func (b block) write(text []string) string {
	var s strings.Builder
	for i, axis := range b.axes {
		s.WriteString(text[i])
		if len(axis) == 1 {
			s.WriteString(axis[0])
		} else {
			s.WriteString("[" + ranges(axis) + "]")
		}
	}
	s.WriteString(text[len(text)-1])
	return s.String()
}

// ranges writes digits that are in order, at least two.
func ranges(axis []string) string {
	var words []string
	for i := 0; i < len(axis); {
		last := i
		for last+1 < len(axis) && follows(axis[i], axis[last], axis[last+1]) {
			last++
		}
		word := axis[i]
		if last > i {
			word += "-" + axis[last]
		}
		words = append(words, word)
		i = last + 1
	}
	return strings.Join(words, ",")
}

// follows reports whether a range that begins with first may go on from a to b: the next number, and as many digits
// unless neither end of the range has leading zeros.
func follows(first, a, b string) bool {
	n, errA := strconv.ParseUint(a, 10, 64)
	m, errB := strconv.ParseUint(b, 10, 64)
	return errA == nil && errB == nil && m == n+1 && (len(a) == len(b) || !padded(first) && !padded(b))
}
