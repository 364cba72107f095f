package sshopt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptionsAreBundledGluedAndSeparate(t *testing.T) {
	for _, args := range [][]string{
		{"-x", "-a", "-T", "-p", "2222", "-l", "root", "h"},
		{"-xaT", "-p2222", "-lroot", "h"},
		{"-xaTp2222", "-lroot", "h"},
		{"-xaTp", "2222", "h", "-lroot"},
		{"h", "-xaT", "-lroot", "-p", "2222"},
	} {
		l := read(t, args...)
		assert.Equal(t, "h root 2222", l.Host+" "+l.User+" 2222", "%q", args)
		assert.Equal(t, 2222, l.Port, "%q", args)
		assert.Equal(t, TerminalNever, l.Terminal, "%q", args)
	}
	assert.Equal(t, 3, read(t, "-vvv", "h").Verbose())
	assert.Equal(t, 3, read(t, "-vvvvv", "h").Verbose())
}

func TestFirstCommandWordEndsOptions(t *testing.T) {
	l := read(t, "-4", "h", "-n", "ls", "-6", "--", "-l", "x")
	assert.Equal(t, FamilyIPv4, l.Family)
	assert.True(t, l.NoStdin)
	assert.Equal(t, []string{"ls", "-6", "--", "-l", "x"}, l.Command)
	assert.Equal(t, []string{"-", "-x"}, read(t, "h", "-", "-x").Command, "a single dash is a word")
	assert.Equal(t, []string{"", "-x"}, read(t, "h", "", "-x").Command, "so is an empty one")
}

func TestDoubleDashEndsOptionsOnceAndVanishes(t *testing.T) {
	assert.Equal(t, []string{"-x", "y"}, read(t, "h", "--", "-x", "y").Command)
	assert.Equal(t, []string{"--", "x"}, read(t, "h", "--", "--", "x").Command)
	assert.Equal(t, []string{"--", "x"}, read(t, "--", "h", "--", "x").Command)
	assert.Equal(t, []string{"-x"}, read(t, "--", "h", "-x").Command)
	assert.Equal(t, "lab", read(t, "--", "lab").Host)
	assert.Contains(t, refused(t, "--"), "no host")
	assert.Contains(t, refused(t, "--", "-h"), "dash")
}

func TestUnknownOptionIsNamedWithTheWayOut(t *testing.T) {
	assert.Equal(t, `unknown option "-Z"; see rexec help`, refused(t, "-Z", "h"))
	assert.Equal(t, `unknown option "-é"; see rexec help`, refused(t, "-né", "h"))
	assert.Equal(t, `unknown option "-\xff"; see rexec help`, refused(t, "-\xff", "h"))
	assert.Contains(t, refused(t, "h", "--timeout", "2s"), "no long options in the shape of ssh")
	assert.Equal(t, "option -p needs a value; see rexec help", refused(t, "h", "-p"))
	assert.Contains(t, refused(t), "no host given")
	assert.Contains(t, refused(t, "-1", "h"), "version 1")
}

func TestVersionAndQueryEndTheLineWhereTheyStand(t *testing.T) {
	l := read(t, "-vV", "-Z")
	assert.True(t, l.Version)
	assert.Empty(t, l.Host)
	assert.True(t, read(t, "h", "-V", "--bad").Version)
	assert.Equal(t, "cipher", read(t, "-Qcipher", "-Z").Query)
	assert.Contains(t, refused(t, "-Q", "", "h"), "empty")
}

var longs = []LongOption{
	{Name: "timeout", Value: true},
	{Name: "env", Value: true, Repeat: true},
	{Name: "argv"},
	{Name: "help", Alone: true},
}

func TestLongOptionsOfTheCallerComeBackInOrder(t *testing.T) {
	l, err := Parse(Rexec, longs, []string{"--env", "A=1", "--timeout=2s", "-p2222", "h", "--env=B", "--argv", "--", "--env", "C"})
	require.NoError(t, err)
	assert.Equal(t, []LongValue{{"env", "A=1"}, {"timeout", "2s"}, {"env", "B"}, {"argv", ""}}, l.Long)
	assert.Equal(t, []string{"A=1", "B"}, l.LongAll("env"))
	assert.Nil(t, l.LongAll("help"))
	assert.Equal(t, []string{"--env", "C"}, l.Command)
	value, given := l.LongLast("env")
	assert.True(t, given)
	assert.Equal(t, "B", value)
	_, given = l.LongLast("help")
	assert.False(t, given)
}

func TestLongOptionValueIsWhateverFollows(t *testing.T) {
	l, err := Parse(Rexec, longs, []string{"--timeout", "--", "h"})
	require.NoError(t, err)
	assert.Equal(t, []string{"--"}, l.LongAll("timeout"))
	l, err = Parse(Rexec, longs, []string{"--env=", "h"})
	require.NoError(t, err)
	assert.Equal(t, []string{""}, l.LongAll("env"))
}

func TestLongOptionThatStandsAloneNeedsNoHost(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-v", "--help", "--bad"}, {"h", "--help", "x"}} {
		l, err := Parse(Rexec, longs, args)
		require.NoError(t, err, "%q", args)
		_, given := l.LongLast("help")
		assert.True(t, given)
		assert.Empty(t, l.Command)
	}
}

func TestLongOptionMistakesAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		`unknown option "--tmeout"; see rexec help`:      {"--tmeout=2s", "h"},
		`unknown option "--time"; see rexec help`:        {"--time", "2s", "h"},
		`option --argv takes no value, it was given "x"`: {"--argv=x", "h"},
		`option --timeout needs a value; see rexec help`: {"h", "--timeout"},
		`option --timeout given twice`:                   {"--timeout=1s", "h", "--timeout", "2s"},
		`no host given; see rexec help`:                  {"--argv"},
		`unknown option "--"; see rexec help`:            {"--=x", "h"},
		`unknown option "--\x1b[31m"; see rexec help`:    {"--\x1b[31m", "h"},
		`"-h" is no host: it begins with a dash`:         {"--argv", "--", "-h"},
		`option -W: "x" is not host:port`:                {"-W", "x", "h"},
	} {
		_, err := Parse(Rexec, longs, args)
		assert.EqualError(t, err, want)
	}
}
