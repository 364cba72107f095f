package policy

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSem48_PatternMatchesWordByWord(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no [][]string
	}{
		{"uptime", [][]string{{"uptime"}}, [][]string{{}, {"uptime", ""}, {"uptime2"}, {"Uptime"}, {"up", "time"}}},
		{"git *", [][]string{{"git", "a"}, {"git", ""}, {"git", "a b/c"}}, [][]string{{"git"}, {"git", "a", "b"}, {"gita"}}},
		{"git ...", [][]string{{"git"}, {"git", "a"}, {"git", "a", "b"}}, [][]string{{"gi"}, {"git2"}, {}}},
		{"git '...'", [][]string{{"git", "..."}}, [][]string{{"git"}, {"git", "a"}}},
		{"git ....", [][]string{{"git", "...."}}, [][]string{{"git"}}},
		{"... a", [][]string{{"...", "a"}}, [][]string{{"a"}, {"b", "a"}}},
		{"a '*' \\?", [][]string{{"a", "*", "?"}}, [][]string{{"a", "x", "?"}, {"a", "*", "y"}}},
		{"/srv/*.git", [][]string{{"/srv/.git"}, {"/srv/a/b.git"}}, [][]string{{"/srv/a.gitx"}, {"x/srv/a.git"}}},
		{"a?c", [][]string{{"abc"}, {"a\xffc"}}, [][]string{{"ac"}, {"abbc"}}},
		{"a*b*c", [][]string{{"abc"}, {"abbcbc"}, {"axbyc"}}, [][]string{{"ab"}, {"acb"}, {"abcd"}}},
		{"'a b'*", [][]string{{"a b"}, {"a bc"}}, [][]string{{"a", "b"}, {"ab"}}},
		{"* ...", [][]string{{""}, {"a"}, {"a", "b"}}, [][]string{{}}},
	} {
		p, err := ParsePattern(c.pattern)
		require.NoError(t, err)
		for _, argv := range c.yes {
			assert.True(t, p.Match(argv), "%q should match %q", c.pattern, argv)
		}
		for _, argv := range c.no {
			assert.False(t, p.Match(argv), "%q should not match %q", c.pattern, argv)
		}
	}
}

func TestPatternThatIsMoreThanWordsIsRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "no words", "...": "would let everything through", "a; b": "operator", "a $b": "expansion", "'a": "without its end", "[ab]": "expansion",
	} {
		_, err := ParsePattern(pattern)
		assert.ErrorContains(t, err, want, pattern)
	}
}

func TestGlobAgreesWithARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{0,10}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab*?]{0,14}`).Draw(t, "text")
		re := regexp.QuoteMeta(pattern)
		re = strings.ReplaceAll(strings.ReplaceAll(re, `\*`, `.*`), `\?`, `.`)
		require.Equal(t, regexp.MustCompile("^(?s:"+re+")$").MatchString(text), glob(pattern, nil, text))
		quoted := make([]bool, len(pattern))
		require.Equal(t, pattern == text, glob(pattern, quoted, text), "nothing is live in quotes")
	})
}
