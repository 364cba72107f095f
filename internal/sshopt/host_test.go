package sshopt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHostForms(t *testing.T) {
	tests := []struct {
		word, host, user string
		port             int
	}{
		{"lab1", "lab1", "", 0},
		{"u@lab1", "lab1", "u", 0},
		{"u@corp@lab1", "lab1", "u@corp", 0},
		{`CORP\u@lab1`, "lab1", `CORP\u`, 0},
		{"::1", "::1", "", 0},
		{"[::1]", "::1", "", 0},
		{"u@[fe80::1%eth0]", "fe80::1%eth0", "u", 0},
		{"lab_1.example.", "lab_1.example.", "", 0},
		{"实验室", "实验室", "", 0},
		{"ssh://lab1", "lab1", "", 0},
		{"ssh://u@lab1:2222", "lab1", "u", 2222},
		{"ssh://u@lab1.example.:2222/", "lab1.example", "u", 2222},
		{"ssh://lab1:", "lab1", "", 0},
		{"ssh://u%40corp;fingerprint=x@lab1", "lab1", "u@corp", 0},
		{"ssh://[::1]:2222", "::1", "", 2222},
		{"ssh://[::1]", "::1", "", 0},
	}
	for _, shape := range []Shape{SSH, Rexec} {
		for _, test := range tests {
			l, err := Parse(shape, nil, []string{test.word})
			require.NoError(t, err, test.word)
			assert.Equal(t, test.host, l.Host, test.word)
			assert.Equal(t, test.user, l.User, test.word)
			assert.Equal(t, test.port, l.Port, test.word)
			assert.False(t, l.NodeSet, test.word)
		}
	}
}

func TestHostThatCanBeNoneIsRefused(t *testing.T) {
	for _, word := range []string{
		"", "u@", "@lab1", "-lab1", "u@-lab1", "-l@h", "a b", "a\nb", "a\x00", "a\x1b[m", "a\u0085b", "a;b", "a$b", "`a`", "(a)", "a,b", "a&b",
		"ssh://", "ssh://@h", "ssh://u@", "ssh://h:0", "ssh://h:x", "ssh://h/path", "ssh://h:22/path", "ssh://::1", "ssh://[::1", "ssh://[::1]x", "ssh://[[h]]", "ssh://a@b@c", "ssh://u%zz@h",
		"u\n@h", "u;v@h", "u -x@h", `u\@h`, "ssh://-u@h",
	} {
		refused(t, "--", word)
	}
	assert.Equal(t, `"ssh://h/x": a path has no meaning here; write ssh://[user@]host[:port]`, refused(t, "ssh://h/x"))
	assert.Equal(t, `"a\nb" is no host: it has blanks or control characters`, refused(t, "a\nb"))
}

func TestNodeSetsAreKnownInTheShapeOfRexecOnly(t *testing.T) {
	tests := []struct{ word, host, user string }{
		{"lab[01-40]", "lab[01-40]", ""},
		{"root@lab[01-40/2,50]", "lab[01-40/2,50]", "root"},
		{"a,b", "a,b", ""},
		{"@web", "@web", ""},
		{"root@@web", "@web", "root"},
		{"root@corp@@web!@db", "@web!@db", "root@corp"},
		{"root@a,@web", "a,@web", "root"},
		{"@web&@linux", "@web&@linux", ""},
		{"a!b", "a!b", ""},
	}
	for _, test := range tests {
		l, err := Parse(Rexec, nil, []string{test.word, "uptime"})
		require.NoError(t, err, test.word)
		assert.True(t, l.NodeSet, test.word)
		assert.Equal(t, test.host, l.Host, test.word)
		assert.Equal(t, test.user, l.User, test.word)
	}
	l := read(t, "lab[1]")
	assert.False(t, l.NodeSet)
	assert.Equal(t, "lab[1]", l.Host)
}

func TestFirstUserAndPortWin(t *testing.T) {
	tests := []struct {
		args []string
		user string
		port int
	}{
		{[]string{"-l", "a", "b@h"}, "a", 0},
		{[]string{"b@h", "-l", "a"}, "b", 0},
		{[]string{"-o", "User=c", "-l", "a", "b@h"}, "c", 0},
		{[]string{"b@h", "-o", "User=c"}, "b", 0},
		{[]string{"-l", "a", "-l", "b", "h"}, "a", 0},
		{[]string{"-p", "1", "ssh://u@h:2", "-p", "3"}, "u", 1},
		{[]string{"ssh://u@h:2", "-p", "3"}, "u", 2},
		{[]string{"-o", "Port=4", "-p", "1", "h"}, "", 4},
		{[]string{"-p", "1", "-p", "rubbish", "h"}, "", 1},
	}
	for _, test := range tests {
		l := read(t, test.args...)
		assert.Equal(t, test.user, l.User, "%q", test.args)
		assert.Equal(t, test.port, l.Port, "%q", test.args)
	}
	refused(t, "-l", "", "h")
	refused(t, "-l", "-oProxyCommand=x", "h")
	refused(t, "-o", "User=a;b", "h")
}

func TestHostNameSaysWhereToDial(t *testing.T) {
	l := read(t, "-o", "HostName=%h.example%%", "-o", "HostName=other", "lab1")
	assert.Equal(t, "lab1", l.Host)
	assert.Equal(t, "lab1.example%", l.HostName)
	assert.Equal(t, "::1", read(t, "-o", "HostName=[::1]", "h").HostName)
	for _, bad := range []string{"%p", "a%", "-x", `"a b"`, "a;b"} {
		assert.Contains(t, refused(t, "-o", "HostName="+bad, "h"), "HostName")
	}
}
