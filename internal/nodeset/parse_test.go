package nodeset

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// groups is a Resolver for tests: its hosts are those of all groups.
type groups map[string]string

func (g groups) Group(name string) (Set, error) {
	text, ok := g[name]
	if !ok {
		return Set{}, fmt.Errorf("group %q is not known", name)
	}
	e, err := Parse(text)
	if err != nil {
		return Set{}, err
	}
	return e.Resolve(g)
}

func (g groups) Match(glob string) (Set, error) {
	prefix, wild := strings.CutSuffix(glob, "*")
	if !wild {
		return Set{}, errors.New("these tests have one * at the end")
	}
	var names []string
	for _, text := range g {
		e, err := Parse(text)
		if err != nil {
			return Set{}, err
		}
		s, err := e.Resolve(nil)
		if err != nil {
			return Set{}, err
		}
		for _, name := range s.Names() {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
	}
	return Of(names...)
}

var someGroups = groups{"chem": "lab[01-04]", "io1": "st1", "io2": "st2", "io3": "st3,st4", "none": "a!a"}

func resolve(expr string, r Resolver) (Set, error) {
	e, err := Parse(expr)
	if err != nil {
		return Set{}, err
	}
	return e.Resolve(r)
}

// What is on the left and right was compared with ClusterShell 1.9's nodeset, but for brackets side by side, which it
// refuses, and digits before a bracket, which it takes for a part of both ends of a range.
func TestSem53_ExpressionStandsForItsNames(t *testing.T) {
	for expr, want := range map[string]string{
		"a":                     "a",
		"b,a":                   "a b",
		" a , b ":               "a b",
		"a,a":                   "a",
		"lab[01-09/4,50]":       "lab01 lab05 lab09 lab50",
		"r[1-2]n[01-03]":        "r1n01 r1n02 r1n03 r2n01 r2n02 r2n03",
		"n[8-12]":               "n8 n9 n10 n11 n12",
		"n[08-11]":              "n08 n09 n10 n11",
		"n[2,01,001]":           "n2 n01 n001",
		"n[00,0]":               "n0 n00",
		"x[098-101]":            "x098 x099 x100 x101",
		"x[99-101]":             "x99 x100 x101",
		"n[ 1 - 3 , 5 ]":        "n1 n2 n3 n5",
		"n[0-10/5]":             "n0 n5 n10",
		"n[1-2]0":               "n10 n20",
		"[1-2]":                 "1 2",
		"10.0.0.[1-2]":          "10.0.0.1 10.0.0.2",
		"2001:db8::[1-2]":       "2001:db8::1 2001:db8::2",
		"lab[1]-x[2].example":   "lab1-x2.example",
		"机房[1-2]":               "机房1 机房2",
		"a-b":                   "a-b",
		"n[1-3]!n2":             "n1 n3",
		"n[1-3]!n2,n2":          "n1 n2 n3",
		"n[1-5],x&n[1-2]":       "n1 n2",
		"n[1-3]!n2&n[1-2]":      "n1",
		"n[1-5]^n[4-7]":         "n1 n2 n3 n6 n7",
		"a!a":                   "",
		"b2,b10,a":              "a b2 b10",
		"n1[8-11]":              "n18 n19 n110 n111",
		"h[1-2][0-1]":           "h10 h11 h20 h21",
		"h[1,11][1,11]":         "h11 h111 h1111",
		"@chem":                 "lab01 lab02 lab03 lab04",
		"@chem!lab[02-03]":      "lab01 lab04",
		"@io[1-2],@io3":         "st1 st2 st3 st4",
		"@io[1-3]!@io2":         "st1 st3 st4",
		"@chem & lab[02-09]":    "lab02 lab03 lab04",
		"@none":                 "",
		"st*!st2":               "st1 st3 st4",
		"lab0[1-2]*":            "lab01 lab02",
		"n[000000000000000007]": "n000000000000000007",
		"n[999999999999999998-999999999999999999]": "n999999999999999998 n999999999999999999",
	} {
		s, err := resolve(expr, someGroups)
		require.NoError(t, err, expr)
		assert.Equal(t, want, strings.Join(s.Names(), " "), expr)
	}
}

func TestErrorNamesThePlace(t *testing.T) {
	for expr, want := range map[string]string{
		"":                         `node set "", character 1: it is empty: name a host, as in lab[01-40]`,
		"  ":                       `character 1: it is empty`,
		",":                        `node set ",", character 1: a name is missing before ,`,
		"!a":                       `character 1: a name is missing before !`,
		"a,":                       `character 3: a name is missing at the end`,
		"a! ":                      `character 4: a name is missing at the end`,
		"a,,b":                     `character 3: a name is missing before ,`,
		"a!&b":                     `character 3: a name is missing before &`,
		"@":                        `character 2: the name of a group is missing behind @`,
		"@,a":                      `character 2: the name of a group is missing behind @`,
		"a@b":                      `character 2: @ inside a name: a group stands behind an operator`,
		"@@a":                      `character 2: @ inside a name`,
		"lab[1-":                   `node set "lab[1-", character 4: [ without its ]`,
		"lab1]":                    `character 5: ] without a [ before it`,
		"lab[1-2]]":                `character 9: ] without a [ before it`,
		"lab[]":                    `character 5: a number is missing`,
		"lab[1,]":                  `character 7: a number is missing`,
		"机房[1,x]":                  `character 6: "x" is neither a number nor a range`,
		"lab[1-2,5-3]":             `character 9: "5-3" goes downwards: the smaller number comes first`,
		"lab[-5]":                  `character 5: "-5" is neither a number nor a range`,
		"lab[1--5]":                `character 5: "1--5" is neither a number nor a range`,
		"lab[1-2-3]":               `character 5: "1-2-3" is neither a number nor a range`,
		"lab[01-100]":              `character 5: "01-100" has leading zeros: write both numbers with the same number of digits`,
		"lab[1-010]":               `character 5: "1-010" has leading zeros`,
		"lab[5/2]":                 `character 5: "5/2" has a step and is no range`,
		"lab[1-9/0]":               `character 5: "1-9/0" has the step 0`,
		"lab[1-9/]":                `character 5: "1-9/" is neither a number nor a range`,
		"lab[1/2-9]":               `is neither a number nor a range`,
		"lab[１]":                   `is neither a number nor a range`,
		"lab[1234567890123456789]": `character 5: "1234567890123456789" has more than 18 digits`,
		"a b":                      `character 2: a blank inside a name: put a comma between two`,
		"a [1]":                    `character 2: a blank inside a name`,
		"a\x1b":                    `character 2: '\x1b' cannot be in a name`,
		"a\u202e":                  `character 2: '\u202e' cannot be in a name`,
		"a\xff":                    `character 2: '�' cannot be in a name`,
		"@nobody":                  `node set "@nobody": group "nobody" is not known`,
		"a,lab[1-65537]":           `character 3: this stands for 65537 names, more than 65536: ask for fewer`,
		"lab[0-99999999999999999]": `stands for 100000000000000000 names, more than 65536`,
		"l[0-99999]a[0-99999]b[0-99999999999999999]": `stands for 18446744073709551615 names`,
		"a[1-40000],b[1-40000]":                      `character 12: with this the set stands for 80000 names`,
		"a[1-40000]^b[1-40000]":                      `character 12: with this the set stands for 80000 names`,
		strings.Repeat("x", 200) + "[":               `character 201: [ without its ]`,
	} {
		_, err := resolve(expr, someGroups)
		assert.ErrorContains(t, err, want, expr)
		assert.NotContains(t, err.Error(), "\x1b")
		assert.Less(t, len(err.Error()), 300, "a long expression is cut")
	}
	_, err := resolve("@chem", nil)
	require.ErrorContains(t, err, "character 1: neither groups nor wildcards are possible here")
	_, err = resolve("a,b*", nil)
	require.ErrorContains(t, err, "character 3: neither groups nor wildcards are possible here")
}

func TestSem53_ExpansionIsRefusedBeforeItIsMade(t *testing.T) {
	e, err := Parse("lab[0-99999999999999999]")
	require.NoError(t, err)
	grown := testing.AllocsPerRun(1, func() { _, err = e.Resolve(nil) })
	require.Error(t, err)
	assert.Less(t, grown, 100.0)
	s, err := resolve("lab[00001-65536]", nil)
	require.NoError(t, err)
	assert.Equal(t, MaxNames, s.Len())
	s, err = resolve("a[1-40000],a[1-40000]!a[1-39999]", nil)
	require.NoError(t, err, "doubles do not count")
	assert.Equal(t, []string{"a40000"}, s.Names())
}

func TestGroupsOfAnExpressionAreKnownUnresolved(t *testing.T) {
	e, err := Parse("@a,b!@io[1-2]&@a")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "io1", "io2"}, e.Groups())
	assert.False(t, e.Wild())
	e, err = Parse("a,b*")
	require.NoError(t, err)
	assert.Empty(t, e.Groups())
	assert.True(t, e.Wild())
	assert.Equal(t, "a,b*", e.String())
}

func TestNamesNoExpressionCanSayAreRefused(t *testing.T) {
	for _, name := range []string{"", "a,b", "a b", "a[1]", "@a", "a@b", "a!", "a&b", "a^b", "a*", "a?", "a\n", "\xff"} {
		_, err := Of("ok", name)
		assert.Error(t, err, name)
	}
	_, err := Of("a*")
	require.EqualError(t, err, `name "a*" has '*' in it, which node sets need for themselves or cannot show`)
}

func TestPatternsMatchWithoutExpanding(t *testing.T) {
	ps, err := ParsePatterns("r[1-2]n[01-40],gate")
	require.NoError(t, err)
	for name, want := range map[string][]string{
		"r1n01": {"1", "01"}, "r2n40": {"2", "40"}, "gate": nil,
	} {
		numbers, ok := ps.Match(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, numbers, name)
	}
	for _, name := range []string{"", "r1n1", "r1n41", "r3n01", "r1n01x", "xr1n01", "r1n001", "gate1", "r1n", "R1n01"} {
		_, ok := ps.Match(name)
		assert.False(t, ok, name)
	}
	assert.Equal(t, 81, ps.Set().Len())

	slow, err := ParsePatterns(strings.Repeat("[1-3,11]", 6))
	require.NoError(t, err)
	numbers, ok := slow.Match("1111111")
	require.True(t, ok)
	assert.Equal(t, []string{"11", "1", "1", "1", "1", "1"}, numbers)
	_, ok = slow.Match(strings.Repeat("1", 100))
	assert.False(t, ok)

	for text, want := range map[string]string{
		"a!b": "character 3: ! is not possible here", "@a": "neither groups nor wildcards", "a*": "neither groups nor wildcards",
		"a[1-40000],b[1-40000]": "it stands for 80000 names", "a[1-99999999]": "it stands for 99999999 names",
		"a,b[0-99999]c[0-99999]d[0-99999999999999999]": "it stands for 18446744073709551615 names", "a[": "without its ]",
	} {
		_, err := ParsePatterns(text)
		assert.ErrorContains(t, err, want, text)
	}
}
