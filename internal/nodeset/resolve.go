package nodeset

import (
	"errors"
	"fmt"
)

// Resolver knows what an expression leaves open. Its answers are asked for each time.
type Resolver interface {
	// Group is what @name stands for; an error says why there is no such group.
	Group(name string) (Set, error)
	// Match are the hosts that a name with * (any text) or ? (one character) in it fits.
	Match(glob string) (Set, error)
}

// Resolve carries the expression out. With a nil resolver, groups and wildcards are errors. The result may be empty.
func (e Expr) Resolve(r Resolver) (Set, error) {
	var sum []string // terms added since the last other operator
	var result Set
	settle := func() {
		result = result.Union(sorted(sum))
		sum = nil
	}
	for _, t := range e.terms {
		names, err := e.names(t, r)
		if err != nil {
			return Set{}, err
		}
		if t.op == ',' {
			sum = append(sum, names...)
			if len(sum) <= MaxNames {
				continue
			}
		}
		settle()
		right := sorted(names)
		switch t.op {
		case '!':
			result = result.Minus(right)
		case '&':
			result = result.And(right)
		case '^':
			result = result.Xor(right)
		}
		if n := result.Len(); n > MaxNames {
			return Set{}, failAt(e.text, t.at, "with this the set %v", errTooMany(uint64(n)))
		}
	}
	settle()
	if n := result.Len(); n > MaxNames {
		return Set{}, failAt(e.text, len(e.text), "the set %v", errTooMany(uint64(n)))
	}
	return result, nil
}

// names are those of one term; the slice is the caller's.
func (e Expr) names(t term, r Resolver) ([]string, error) {
	names, err := t.pattern.expand()
	if err != nil {
		return nil, failAt(e.text, t.at, "this %v", err)
	}
	if !t.group && !t.wild {
		return names, nil
	}
	if r == nil {
		return nil, failAt(e.text, t.at, "%v", errNoResolver)
	}
	var all []string
	for _, name := range names {
		var some Set
		if t.group {
			some, err = r.Group(name)
		} else {
			some, err = r.Match(name)
		}
		if err != nil {
			return nil, fmt.Errorf("node set %s: %w", shown(e.text), err)
		}
		if all = append(all, some.names...); len(all) > MaxNames {
			if all = sorted(all).names; len(all) > MaxNames {
				return nil, failAt(e.text, t.at, "this %v", errTooMany(uint64(len(all))))
			}
		}
	}
	return all, nil
}

var errNoResolver = errors.New("neither groups nor wildcards are possible here")

// Patterns are terms with commas between them and nothing that needs a Resolver: the names of an entry for many hosts.
type Patterns []Pattern

// ParsePatterns reads them.
func ParsePatterns(text string) (Patterns, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	var patterns Patterns
	for _, t := range e.terms {
		switch {
		case t.op != ',':
			return nil, failAt(text, t.at, "%c is not possible here, only names with a comma between them", t.op)
		case t.group || t.wild:
			return nil, failAt(text, t.at, "%v", errNoResolver)
		}
		patterns = append(patterns, t.pattern)
	}
	var sum uint64
	for _, p := range patterns {
		size := p.size()
		if size > MaxNames-sum {
			return nil, failAt(text, 0, "it %v", errTooMany(max(size, size+sum)))
		}
		sum += size
	}
	return patterns, nil
}

// Match reports whether a name is among them, and what stands in the brackets then. It expands nothing.
func (ps Patterns) Match(name string) (numbers []string, ok bool) {
	for _, p := range ps {
		if numbers, ok := p.match(name); ok {
			return numbers, true
		}
	}
	return nil, false
}

// Set expands them.
func (ps Patterns) Set() Set {
	var names []string
	for _, p := range ps {
		some, _ := p.expand() // few enough: ParsePatterns saw to it
		names = append(names, some...)
	}
	return sorted(names)
}

// Samples are the names of the smallest and of the largest numbers of each pattern: what is to hold for all can be tried on
// them.
func (ps Patterns) Samples() []string {
	var names []string
	for _, p := range ps {
		names = append(names, p.ends()...)
	}
	return names
}
