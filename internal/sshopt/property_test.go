package sshopt

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// given is one option of a random line.
type given struct {
	letter byte
	value  string // empty for a letter that takes none
}

// options whose order matters only among those of the same letter, so that any of them may stand anywhere.
func drawGiven(t *rapid.T) given {
	word := rapid.StringMatching(`[a-z][a-z0-9._]{0,7}`)
	letter := rapid.SampledFrom([]byte("246CGKXkgnsvyplioEbFcmPS")).Draw(t, "letter")
	g := given{letter: letter}
	switch letter {
	case 'p':
		g.value = strconv.Itoa(rapid.IntRange(1, 65535).Draw(t, "port"))
	case 'o':
		keyword := rapid.SampledFrom([]string{"User", "SendEnv", "HostName", "BindInterface", "UserKnownHostsFile", "SetEnv A"}).Draw(t, "keyword")
		sign := rapid.SampledFrom([]string{"=", " = ", " =", "= "}).Draw(t, "sign")
		if strings.HasPrefix(keyword, "SetEnv") {
			sign = "="
		}
		g.value = keyword + sign + word.Draw(t, "value")
	case 'l', 'i', 'E', 'b', 'F', 'c', 'm', 'P', 'S':
		g.value = word.Draw(t, "value")
	}
	return g
}

// render writes options in random styles: letters bundled, values glued or separate.
func render(t *rapid.T, list []given) []string {
	var args []string
	open := "" // a bundle that may still grow
	for _, g := range list {
		if open == "" {
			open = "-"
		}
		open += string(g.letter)
		switch {
		case g.value != "" && rapid.Bool().Draw(t, "glued"):
			args, open = append(args, open+g.value), ""
		case g.value != "":
			args, open = append(args, open, g.value), ""
		case rapid.Bool().Draw(t, "end of bundle"):
			args, open = append(args, open), ""
		}
	}
	if open != "" {
		args = append(args, open)
	}
	return args
}

func TestTheStyleOfALineDoesNotChangeItsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.Custom(drawGiven)).Draw(t, "options")
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z -]{0,5}`), 1, 3).Draw(t, "command")

		var plain []string
		for _, g := range list {
			plain = append(plain, "-"+string(g.letter))
			if g.value != "" {
				plain = append(plain, g.value)
			}
		}
		want, err := Parse(SSH, nil, append(append(plain, "lab1"), words...))
		require.NoError(t, err)

		cut := rapid.IntRange(0, len(list)).Draw(t, "host after")
		args := render(t, list[:cut])
		if rapid.Bool().Draw(t, "dashes before the host") && cut == len(list) {
			args = append(args, "--", "lab1")
		} else {
			args = append(append(args, "lab1"), render(t, list[cut:])...)
			if rapid.Bool().Draw(t, "dashes after the host") {
				args = append(args, "--")
			}
		}
		args = append(args, words...)
		shape := rapid.SampledFrom([]Shape{SSH, Rexec}).Draw(t, "shape")
		got, err := Parse(shape, nil, args)
		require.NoError(t, err, "%q", args)
		assert.Equal(t, want, got, "%q", args)
		assert.Equal(t, strings.Join(words, " "), got.RemoteLine())
	})
}

func TestMatchAgreesWithItsDefinition(t *testing.T) {
	var slow func(s, p string) bool
	slow = func(s, p string) bool {
		switch {
		case p == "":
			return s == ""
		case p[0] == '*':
			return slow(s, p[1:]) || s != "" && slow(s[1:], p)
		}
		return s != "" && (p[0] == '?' || p[0] == s[0]) && slow(s[1:], p[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "s")
		p := rapid.StringMatching(`[ab*?]{0,6}`).Draw(t, "pattern")
		assert.Equal(t, slow(s, p), match(s, p), "%q %q", s, p)
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"-p\x002222\x00-l\x00root\x00lab1\x00rsync\x00--server", "-oPort=22\x00u@h\x00--\x00x", "-W\x00[::1]:80\x00h", "--env=A\x00ssh://u@h:1/\x00-tt",
		"-o\x00User=\"a\\ b\" # c\x00@a,b[1-3]!c", "-e^A\x00-vvvqV", "-o\x00HostName=%h%%\x00h", "-o\x00SendEnv=-*\x00h", "-oConnectTimeout=1w2d3h4m5.5s\x00h", "-né",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		for _, shape := range []Shape{SSH, Rexec} {
			l, err := Parse(shape, longs, args)
			if err != nil {
				require.Nil(t, l)
				require.NotContains(t, err.Error(), "\n")
				require.NotContains(t, err.Error(), "\x1b")
				continue
			}
			_, help := l.LongLast("help")
			require.True(t, l.Host != "" || l.Version || l.Query != "" || help, "%q", args)
			require.False(t, strings.HasPrefix(l.Host, "-"))
			require.LessOrEqual(t, l.Port, 65535)
			for _, u := range l.Unbuilt() {
				require.NotContains(t, u.String(), "\n")
			}
			l.WantsTerminal(true)
		}
	})
}
