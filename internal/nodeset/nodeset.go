// Package nodeset reads and writes sets of host names in the notation of ClusterShell: lab[01-40/2,50], r[1-2]n[01-04],
// a,b, @group, minus !, and &, one but not both ^.
//
// What a group stands for, which hosts there are, and what may be a host's name is the caller's business: a Resolver
// says the first two.
//
// An expression is a list of terms with an operator between each two, carried out from left to right; none binds more
// tightly than another. A term is a name with any number of brackets in it, each a list of numbers and ranges. Leading
// zeros are part of a name: 1 and 01 are two hosts, and a range that has them on one side needs the same number of digits
// on both. A term with * or ? stands for the hosts it fits, @NAME for a group, @all and @* for every host.
package nodeset

import (
	"cmp"
	"slices"
)

// MaxNames is how many names a term, or a set on the way to the result, may have.
const MaxNames = 65536

// Set is a set of names, each once, in the order of Compare. The zero value is empty. Sets are never changed.
type Set struct{ names []string }

// Of makes a set of names as they are; one that no expression could name is refused.
func Of(names ...string) (Set, error) {
	for _, name := range names {
		if err := checkName(name); err != nil {
			return Set{}, err
		}
	}
	return sorted(slices.Clone(names)), nil
}

// sorted takes the slice over.
func sorted(names []string) Set {
	slices.SortFunc(names, Compare)
	return Set{slices.Compact(names)}
}

// Names returns a copy.
func (s Set) Names() []string { return slices.Clone(s.names) }

// Len is the number of names.
func (s Set) Len() int { return len(s.names) }

// Has reports whether a name is in the set.
func (s Set) Has(name string) bool {
	_, found := slices.BinarySearchFunc(s.names, name, Compare)
	return found
}

// String folds the set: lab[01-39],x. What it returns stands for the same set again.
func (s Set) String() string { return fold(s.names) }

// Union is what is in either.
func (s Set) Union(other Set) Set { return s.merge(other, true, true, true) }

// Minus is what is in s alone.
func (s Set) Minus(other Set) Set { return s.merge(other, true, false, false) }

// And is what is in both.
func (s Set) And(other Set) Set { return s.merge(other, false, true, false) }

// Xor is what is in one and not in the other.
func (s Set) Xor(other Set) Set { return s.merge(other, true, false, true) }

// merge takes what is in the left set alone, in both, in the right one alone.
func (s Set) merge(other Set, left, both, right bool) Set {
	a, b := s.names, other.names
	var names []string
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = Compare(a[0], b[0])
		}
		if order < 0 && left || order == 0 && both {
			names = append(names, a[0])
		} else if order > 0 && right {
			names = append(names, b[0])
		}
		if order <= 0 {
			a = a[1:]
		}
		if order >= 0 {
			b = b[1:]
		}
	}
	return Set{names}
}

// Compare is the order of names: as text, but a run of digits by its length and then its value, so that 9 is before 10 and
// 01 before 10 and behind 9.
func Compare(a, b string) int {
	for a != "" && b != "" {
		n, m := digits(a), digits(b)
		if n > 0 && m > 0 {
			if order := cmp.Or(n-m, cmp.Compare(a[:n], b[:m])); order != 0 {
				return order
			}
			a, b = a[n:], b[n:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
