package nodeset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSem53_FoldedSetIsShort(t *testing.T) {
	for names, want := range map[string]string{
		"":                            "",
		"a":                           "a",
		"lab01":                       "lab01",
		"x lab01 lab02 lab03":         "lab[01-03],x",
		"n1 n2 n4":                    "n[1-2,4]",
		"n9 n10 n11":                  "n[9-11]",
		"n09 n10 n11":                 "n[09-11]",
		"n99 n100":                    "n[99-100]",
		"n099 n100":                   "n[099-100]",
		"n98 n99 n100 n01 n02":        "n[01-02,98-100]",
		"n09 n10 n99 n100":            "n[09-10,99-100]",
		"n2 n01 n001":                 "n[2,01,001]",
		"n0 n00 n01 n1":               "n[0-1,00-01]",
		"n9 n010":                     "n[9,010]",
		"n1-ib0 n2-ib0":               "n[1-2]-ib0",
		"n1-ib0 n2-ib0 n1-ib1 n2-ib1": "n[1-2]-ib[0-1]",
		"n1-ib0 n2-ib0 n1-ib1":        "n1-ib[0-1],n2-ib0",
		"r1n1 r1n2 r2n1 r2n2 r3n1":    "r[1-2]n[1-2],r3n1",
		"10.0.0.1 10.0.0.2 10.0.1.1":  "10.0.0.[1-2],10.0.1.1",
		"b2 b10 a":                    "a,b[2,10]",
		"lab1 lab2 labx labx1":        "lab[1-2],labx,labx1",
		"1 2":                         "[1-2]",
		"a1234567890123456789 a1234567890123456790": "a1234567890123456789,a1234567890123456790",
		"机房1 机房2": "机房[1-2]",
	} {
		s, err := Of(strings.Fields(names)...)
		require.NoError(t, err)
		assert.Equal(t, want, s.String(), names)
	}
}

func TestRangeNeverMixesWidths(t *testing.T) {
	var names []string
	for i := 1; i <= 120; i++ {
		names = append(names, fmt.Sprintf("n%02d", i))
	}
	s, err := Of(names...)
	require.NoError(t, err)
	assert.Equal(t, "n[01-99,100-120]", s.String())
}

func TestLargeSetsFoldInTime(t *testing.T) {
	for expr, want := range map[string]string{
		"lab[00001-65536]":             "lab[00001-65536]",
		"r[1-256]n[1-256]":             "r[1-256]n[1-256]",
		"a[1-65535/2]":                 "",
		"a[0-15]b[0-15]c[0-15]d[0-15]": "a[0-15]b[0-15]c[0-15]d[0-15]",
	} {
		s, err := resolve(expr, nil)
		require.NoError(t, err)
		before := time.Now()
		text := s.String()
		assert.Less(t, time.Since(before), 10*time.Second, expr)
		if want != "" {
			assert.Equal(t, want, text)
		}
	}
}

// name draws from few enough that sets overlap, of many shapes.
var name = rapid.OneOf(
	rapid.StringMatching(`[ab][0-2]{0,3}`),
	rapid.StringMatching(`r[0-3]n0?[0-4]`),
	rapid.StringMatching(`[a-c]{1,2}(-[0-9]{1,2}){0,3}(\.x)?`),
	rapid.StringMatching(`[a主]0{0,3}[0-9]{15,20}`),
	rapid.StringMatching(`[0-9]{1,3}`),
)

func drawSet(t *rapid.T, label string) Set {
	s, err := Of(rapid.SliceOfN(name, 0, 40).Draw(t, label)...)
	require.NoError(t, err)
	return s
}

func TestSem53_FoldedSetExpandsToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSet(t, "s")
		if s.Len() == 0 {
			return
		}
		again, err := resolve(s.String(), nil)
		require.NoError(t, err, s.String())
		require.Equal(t, s.Names(), again.Names(), s.String())
		require.Equal(t, s.String(), again.String(), "and folds to the same")
	})
}

func TestFoldDoesNotDependOnTheOrderGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(name, 0, 30).Draw(t, "names")
		a, err := Of(names...)
		require.NoError(t, err)
		b, err := Of(rapid.Permutation(names).Draw(t, "shuffled")...)
		require.NoError(t, err)
		require.Equal(t, a.String(), b.String())
	})
}

func TestSetsObeyTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawSet(t, "a"), drawSet(t, "b"), drawSet(t, "c")
		same := func(x, y Set) { t.Helper(); require.Equal(t, x.String(), y.String()) }
		same(a.Union(b), b.Union(a))
		same(a.And(b), b.And(a))
		same(a.Union(b).Union(c), a.Union(b.Union(c)))
		same(a.And(b.Union(c)), a.And(b).Union(a.And(c)))
		same(a.Minus(b.Union(c)), a.Minus(b).Minus(c))
		same(a.Minus(b.And(c)), a.Minus(b).Union(a.Minus(c)))
		same(a.Xor(b), a.Union(b).Minus(a.And(b)))
		same(a.And(b), a.Minus(a.Minus(b)))
		same(a.Minus(a), Set{})
		same(a.Union(Set{}), a)
		for _, n := range b.Names() {
			require.Equal(t, a.Has(n) || b.Has(n), a.Union(b).Has(n))
			require.Equal(t, a.Has(n) && b.Has(n), a.And(b).Has(n))
			require.False(t, a.Minus(b).Has(n))
		}
	})
}

// model carries out operators from left to right on plain maps.
func TestSem53_OperatorsGoFromLeftToRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr, model := "", map[string]bool{}
		for i := range rapid.IntRange(1, 6).Draw(t, "terms") {
			op := ','
			if i > 0 {
				op = rapid.SampledFrom([]rune(operators)).Draw(t, "op")
				expr += string(op)
			}
			s := drawSet(t, "term")
			for s.Len() != 1 && strings.Contains(s.String(), ",") || s.Len() == 0 { // one term
				one := name.Draw(t, "one")
				s = sorted([]string{one})
			}
			expr += s.String()
			switch op {
			case ',':
				for _, n := range s.Names() {
					model[n] = true
				}
			case '!':
				for _, n := range s.Names() {
					delete(model, n)
				}
			case '&':
				for n := range model {
					if !s.Has(n) {
						delete(model, n)
					}
				}
			case '^':
				for _, n := range s.Names() {
					if model[n] {
						delete(model, n)
					} else {
						model[n] = true
					}
				}
			}
		}
		got, err := resolve(expr, nil)
		require.NoError(t, err, expr)
		var want []string
		for n := range model {
			want = append(want, n)
		}
		slices.SortFunc(want, Compare)
		require.Equal(t, want, got.Names(), expr)
	})
}

func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		require.Equal(t, a == b, Compare(a, b) == 0)
		require.Equal(t, Compare(a, b) < 0, Compare(b, a) > 0)
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 {
			require.LessOrEqual(t, Compare(a, c), 0)
		}
	})
}

func TestPatternsMatchExactlyWhatTheyExpandTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab]?\[[1-3]-[3-9](/2)?(,0[0-9])?\][0-2x]?(\[0?[0-2],[1-2]\])?`).Draw(t, "text")
		ps, err := ParsePatterns(text)
		require.NoError(t, err, text)
		s := ps.Set()
		for _, n := range s.Names() {
			_, ok := ps.Match(n)
			require.True(t, ok, "%s is of %s", n, text)
		}
		other := rapid.StringMatching(`[ab]?0?[0-9]{1,4}x?[0-9]{0,2}`).Draw(t, "other")
		_, ok := ps.Match(other)
		require.Equal(t, s.Has(other), ok, "%s of %s", other, text)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"lab[01-40/2,50]", "r[1-2]n[01-04]!r1n01&@g,^x*", "a,,b", "@io[1-3]", "[", "机房[1]", "n[00-09]0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 300 {
			return
		}
		e, err := Parse(text)
		if err != nil {
			return
		}
		s, err := e.Resolve(someGroups)
		if err != nil || s.Len() == 0 {
			return
		}
		again, err := resolve(s.String(), nil)
		require.NoError(t, err)
		require.Equal(t, s.Names(), again.Names())
	})
}
