package inventory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	for _, name := range []string{"lab-01", "a", "7", "db.example.org", "A_b", "主机", "con1", strings.Repeat("a", maxName)} {
		assert.NoError(t, ValidateName(name), name)
	}
	for name, want := range map[string]string{
		"":                             "host name is empty",
		"-x":                           `host name "-x" begins with - and would be taken for an option`,
		".":                            `host name "." begins with .`,
		"..":                           `host name ".." begins with .`,
		".ssh":                         `host name ".ssh" begins with .`,
		"a b":                          `host name "a b" has ' ' in it, want letters, digits and . _ -`,
		"a\tb":                         `has '\t' in it`,
		"a\n":                          `has '\n' in it`,
		"a\x1b":                        `has '\x1b' in it`,
		"a\u202e":                      `has '\u202e' in it`,
		"a\xff":                        `in it, want letters`,
		"NUL":                          `host name "NUL" is a device on Windows`,
		"com1.x":                       `host name "com1.x" is a device on Windows`,
		strings.Repeat("a", maxName+1): "has 129 bytes, want at most 128",
	} {
		assert.ErrorContains(t, ValidateName(name), want, name)
	}
	for _, c := range "[],!&@/:\\*?'\"$;|<>(){}#%~=^+`" {
		assert.Error(t, ValidateName("a"+string(c)+"b"), string(c))
		assert.Error(t, ValidateName(string(c)), string(c))
	}
}

func TestVerbsAreNoNewNames(t *testing.T) {
	for _, verb := range strings.Fields("host lab ps attach logs wait kill cp ssh completion help version") {
		err := checkNewName(verb, false)
		require.EqualError(t, err, `host name "`+verb+`" is a verb of rexec: choose another, such as `+verb+`-1`)
		require.NoError(t, ValidateName(verb), "it can be reached as rexec -- "+verb)
		require.NoError(t, checkNewName(verb+"s", false))
	}
}
