package sshconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written makes files under a home folder and reads .ssh/config there.
func written(t *testing.T, files map[string]string) (f *File, told []string, err error) {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		name = filepath.Join(home, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(text, "HOME", home)), 0o600))
	}
	f, err = Read(filepath.Join(home, ".ssh", "config"), home, func(format string, args ...any) {
		told = append(told, strings.ReplaceAll(fmt.Sprintf(format, args...), home, ""))
	})
	return f, told, err
}

func TestFirstLineThatFitsWins(t *testing.T) {
	f, told, err := written(t, map[string]string{".ssh/config": `
# mine
User everyone-first-is-not-here
Host a b "c d"
	HostName = 192.0.2.1
	port=2201   # and a comment
	ProxyJump gate
Host *.lab !bad.lab
	hostname %h.example%%eth0
	USER "the user"
Host b?
	HostName bb
Host a
	HostName never
	Port 9
Host *
	User last
`})
	require.NoError(t, err)
	assert.Empty(t, told)
	for name, want := range map[string]Host{
		"a":       {"192.0.2.1", 2201, "everyone-first-is-not-here"},
		"c d":     {"192.0.2.1", 2201, "everyone-first-is-not-here"},
		"x.lab":   {"x.lab.example%eth0", 0, "everyone-first-is-not-here"},
		"bad.lab": {"", 0, "everyone-first-is-not-here"},
		"b1":      {"bb", 0, "everyone-first-is-not-here"},
		"other":   {"", 0, "everyone-first-is-not-here"},
	} {
		assert.Equal(t, want, f.Host(name), name)
	}
}

func TestMatchIsPassedOverAndSaid(t *testing.T) {
	f, told, err := written(t, map[string]string{".ssh/config": `Match exec "true"
	User no
	Include nothing
Host a
	User yes
Match all
	Port 7
`})
	require.NoError(t, err)
	assert.Equal(t, []string{"/.ssh/config:1: what is under Match is not read"}, told)
	assert.Equal(t, Host{"", 7, "yes"}, f.Host("a"))
	assert.Equal(t, Host{"", 7, ""}, f.Host("b"))
}

func TestIncludedFilesCountWhereTheyStand(t *testing.T) {
	f, _, err := written(t, map[string]string{
		".ssh/config":       "Include one.d/*\nHost in\n\tInclude ~/two HOME/three\n\tUser behind\nHost *\n\tPort 1\n",
		".ssh/one.d/b.conf": "Host *\nUser from-b\n",
		".ssh/one.d/a.conf": "Host x\nUser from-a\n",
		"two":               "HostName two\nHost other in2\nHostName never\n",
		"three":             "Port 3\n",
	})
	require.NoError(t, err)
	assert.Equal(t, Host{"", 1, "from-a"}, f.Host("x"))
	assert.Equal(t, Host{"two", 3, "from-b"}, f.Host("in"))
	assert.Equal(t, Host{"", 1, "from-b"}, f.Host("other"), "what a Host line around an Include shuts out stays out")
}

func TestWhatCannotBeUsedIsRefusedByPlace(t *testing.T) {
	for text, want := range map[string]string{
		"Port":                         "/.ssh/config:1: port without a value",
		"\nPort 0":                     `/.ssh/config:2: the Port "0" is no number from 1 to 65535`,
		"Host x\nPort 70000":           `:2: the Port "70000"`,
		"HostName %r.example":          `:1: the HostName "%r.example" has a % other than`,
		"User \"a":                     ":1: quotes do not match",
		"Include config":               "Include goes deeper than 16 files",
		"Include [":                    `Include of "`,
		"Include /dev/null":            "/dev/null is not a regular file",
		strings.Repeat("#\n", 600_000): "is longer than 1048576 bytes",
	} {
		_, _, err := written(t, map[string]string{".ssh/config": text})
		assert.ErrorContains(t, err, want, "%.40q", text)
	}
	f, told, err := written(t, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"/.ssh/config is not there"}, told)
	assert.Equal(t, Host{}, f.Host("a"))
}

func TestWordsAreSplitAsSSHDoes(t *testing.T) {
	for text, want := range map[string][]string{
		"a b\tc": {"a", "b", "c"}, `"a b" c`: {"a b", "c"}, `'a "b"'`: {`a "b"`}, `a\"b`: {`a"b`}, `a#b #c`: {"a#b"}, `a\b`: {`a\b`},
		"": nil, "# x": nil, `""`: {""},
	} {
		got, err := splitWords(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("Host a\nPort 1\nMatch all\nHostName \"%h\"\n", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // of files that are not the test's
		}
		p := filepath.Join(t.TempDir(), "config")
		require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
		file, err := Read(p, "/", func(string, ...any) {})
		if err == nil {
			h := file.Host(name)
			require.LessOrEqual(t, h.Port, 65535)
		}
	})
}
