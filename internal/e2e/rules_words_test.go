//go:build unix

package e2e

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
)

func TestSem20_WhenACommandGetsATerminal(t *testing.T) {
	p := start(t)
	const line = "test -t 0 && test -t 1 && test -t 2; echo $?"
	for _, c := range []struct {
		args []string
		want outcome
	}{
		{args: []string{"-tt", "box", line}, want: outcome{stdout: "0\r\n"}},
		{args: []string{"box", "-tt", line}, want: outcome{stdout: "0\r\n"}},
		{args: []string{"-o", "RequestTTY=force", "box", line}, want: outcome{stdout: "0\r\n"}},
		{args: []string{"-t", "box", line}, want: outcome{stdout: "1\n", stderr: "rexec: Pseudo-terminal will not be allocated because stdin is not a terminal.\n"}},
		{args: []string{"-tt", "-T", "box", line}, want: outcome{stdout: "1\n"}},
	} {
		assert.Equal(t, c.want, p.run(p.rexec(c.args...), ""), c.args)
	}
	master, terminal, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	defer terminal.Close()
	cmd := p.rexec("box", "tty; test -t 1; echo $?") // a COMMAND has no terminal unless it is asked for
	cmd.Stdin = terminal
	_, err = master.Write([]byte{4}) // ^D
	require.NoError(t, err)
	o := p.run(cmd, "")
	assert.Equal(t, outcome{stdout: "not a tty\n1\n"}, o)
}

func TestSem20_WithoutATerminalNoCommandIsAShellOnPipes(t *testing.T) {
	p := start(t)
	assert.Equal(t, outcome{stdout: "hello\n", code: 5}, p.run(p.rexec("box"), "echo hello\nexit 5\necho lost\n"))
	assert.Equal(t, outcome{stdout: "hello\n", code: 5}, p.run(p.rexec("-T", "box"), "echo hello\nexit 5\n"))
}

// hardWords are the words that a shell, or a careless join, would change.
func hardWords() []string {
	var all []byte
	for b := 1; b <= 0xFF; b++ {
		all = append(all, byte(b))
	}
	words := []string{"", " ", "a  b", `'`, `"`, `\`, "$(echo no)", "`echo no`", "$HOME", "*", "~", "\n", "a\nb", "-n", "--", "-rf", "--argv", "|", ";", "&", "", "目录", string(all)}
	for _, b := range all {
		words = append(words, string([]byte{b}))
	}
	return words
}

func TestSem21_ArgvPassesVerbatim(t *testing.T) {
	p := start(t)
	words := hardWords()
	o := p.run(p.rexec(append([]string{"--argv", "box", "printf", `%s\0`}, words...)...), "")
	assert.Equal(t, outcome{stdout: strings.Join(words, "\x00") + "\x00"}, o)
}

func TestSem21_NULIsRefusedBeforeAnythingRuns(t *testing.T) {
	c := client.New(daemon(t, nil))
	defer c.Close()
	mark := t.TempDir() + "/mark"
	err := c.Command(context.Background(), "touch", mark, "a\x00b").Run()
	require.Error(t, err)
	assert.NoFileExists(t, mark)
	assert.Error(t, c.Shell(context.Background(), "touch "+mark+" \x00").Run())
	assert.NoFileExists(t, mark)
}

func TestSem21_ShellModeJoinsWithOneSpaceAndQuotesNothing(t *testing.T) {
	p := start(t)
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"printf", "'[%s]'", "a", "b c", `"d  e"`, "", "f"}, "[a][b][c][d  e][f]"},
		{[]string{"echo", "a   b", "", "c"}, "a b c\n"},
		{[]string{"printf", "'[%s]'", "' x", "", "y '"}, "[ x  y ]"}, // an empty word leaves its two spaces
		{[]string{"echo", "$((1+1))", "`echo three`", "$(echo four)"}, "2 three four\n"},
		{[]string{"echo a; echo", "b"}, "a\nb\n"},
		{[]string{"echo", "-n", "--", "x"}, "-- x"},
		{[]string{"echo a | tr", "a", "b"}, "b\n"},
		{[]string{"printf %s \"\x01\xff'\""}, "\x01\xff'"},
	} {
		assert.Equal(t, outcome{stdout: c.want}, p.run(p.rexec(append([]string{"box"}, c.words...)...), ""), "%q", c.words)
	}
}

// environment is what env -0 prints in a command.
func environment(t *testing.T, o outcome) map[string]string {
	t.Helper()
	require.Equal(t, []any{0, ""}, []any{o.code, o.stderr})
	env := map[string]string{}
	for _, kv := range strings.Split(strings.TrimSuffix(o.stdout, "\x00"), "\x00") {
		name, value, _ := strings.Cut(kv, "=")
		assert.NotContains(t, env, name, "twice")
		env[name] = value
	}
	return env
}

// with is the client with more in its environment.
func with(cmd *exec.Cmd, env ...string) *exec.Cmd {
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func TestSem22_TheEnvironmentIsBuiltAnew(t *testing.T) {
	p := start(t)
	p.stop()
	p.env = []string{"REXEC_TEST_MARK=a secret of the daemon", "SECRET_TOKEN=another", "LD_LIBRARY_PATH=/no", "TERM=vt100", "SSH_AUTH_SOCK=/no"}
	p.serve()
	env := environment(t, p.run(with(p.rexec("--argv", "box", "env", "-0"), "MINE=1", "LC_TIME=C", "TERM=xterm", "EDITOR=ed"), ""))
	names := slices.Sorted(maps.Keys(env))
	assert.Equal(t, []string{"HOME", "LANG", "LOGNAME", "PATH", "REXEC_KEY_ID", "REXEC_SESSION", "SHELL", "SSH_CLIENT", "SSH_CONNECTION", "USER"}, names)
	user := strings.TrimSpace(p.output("id", "-un"))
	assert.Equal(t, []string{user, user, "admin", "/bin/sh", "C.UTF-8"}, []string{env["USER"], env["LOGNAME"], env["REXEC_KEY_ID"], env["SHELL"], env["LANG"]})
	assert.DirExists(t, env["HOME"])
	assert.Contains(t, env["PATH"], "/usr/bin")
	assert.Regexp(t, "^[0-9a-f]{32}$", env["REXEC_SESSION"])
	assert.Regexp(t, `^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+$`, env["SSH_CONNECTION"])
	secrets, err := os.ReadFile(p.state + "/keyring.toml")
	require.NoError(t, err)
	require.NotEmpty(t, secrets)
	for _, of := range []string{"env", "cat /proc/self/environ", "tr '\\0' '\\n' < /proc/self/cmdline", "ls -l /proc/self/fd"} {
		o := p.run(p.rexec("box", of), "")
		assert.NotContains(t, o.stdout, "secret of the daemon")
		assert.NotContains(t, o.stdout, p.state, of)
		keepsQuiet(t, o.stdout, p.tokenText())
	}
}

func TestSem22_WhatTheClientSends(t *testing.T) {
	p := start(t, `accept_env = ["GIVEN", "G_*"]`)
	send := func(args ...string) map[string]string {
		t.Helper()
		cmd := p.rexec(append(args, "--argv", "box", "env", "-0")...)
		return environment(t, p.run(with(cmd, "GIVEN=1", "G_A=2", "OTHER=3", "LC_TIME=zh_CN.GBK", "GIT_PROTOCOL=version=2", "EMPTY=", "TERM=xterm"), ""))
	}
	take := func(env map[string]string, names ...string) []string {
		var got []string
		for _, n := range names {
			v, ok := env[n]
			if !ok {
				v = "-"
			}
			got = append(got, v)
		}
		return got
	}
	assert.Equal(t, []string{"-", "-", "-", "-", "-"}, take(send(), "GIVEN", "G_A", "OTHER", "LC_TIME", "TERM"), "nothing unasked")
	assert.Equal(t, []string{"1", "2", "-", "zh_CN.GBK", "version=2", "C.UTF-8", "-"},
		take(send("-o", "SendEnv=GIVEN G_* OTHER LC_*", "-o", "SendEnv=GIT_PROTOCOL TERM LANG"), "GIVEN", "G_A", "OTHER", "LC_TIME", "GIT_PROTOCOL", "LANG", "TERM"),
		"a refused SendEnv is dropped")
	assert.Equal(t, []string{"1", "x", "a=b", "zh_CN.GBK"},
		take(send("--env", "GIVEN", "--env", "G_B=x", "--env", "G_C=a=b", "--env", "LANG=zh_CN.GBK"), "GIVEN", "G_B", "G_C", "LANG"))
	assert.Equal(t, []string{"last"}, take(send("--env", "GIVEN=first", "--env", "GIVEN=last"), "GIVEN"))
	assert.Equal(t, []string{"insisted"}, take(send("-o", "SendEnv=GIVEN", "--env", "GIVEN=insisted"), "GIVEN"))
}

// never are variables that decide which code runs, and those that are the daemon's own.
var never = []string{"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PATH",
	"HOME", "USER", "LOGNAME", "SHELL", "REXEC_SESSION", "REXEC_KEY_ID", "REXEC_ANYTHING", "SSH_CLIENT", "SSH_CONNECTION", "SSH_ORIGINAL_COMMAND"}

func TestSem22_WhatNoClientMaySet(t *testing.T) {
	p := start(t, `accept_env = ["*"]`)
	plain := environment(t, p.run(p.rexec("--argv", "box", "env", "-0"), ""))
	mark := t.TempDir() + "/mark"
	var sent []string
	for _, name := range never {
		o, s := p.runStatus("", "--env", name+"=/evil", "box", "touch "+mark)
		ours(t, o, 254, `^rexec: box: refused by the daemon's policy: .*"`+name+`"`)
		assert.Equal(t, "refused", s["kind"], name)
		sent = append(sent, "-o", "SetEnv="+name+"=/evil")
	}
	env := environment(t, p.run(p.rexec(append(sent, "--argv", "box", "env", "-0")...), ""))
	env2 := environment(t, p.run(with(p.rexec("-o", "SendEnv=*", "--argv", "box", "env", "-0"), "BASH_ENV=/evil", "ENV=/evil", "LD_AUDIT=", "SSH_TTY=/evil", "REXEC_X=/evil"), ""))
	for _, name := range append(never, "SSH_TTY", "REXEC_X") {
		for _, got := range []map[string]string{env, env2} {
			assert.NotEqual(t, "/evil", got[name], name)
			if want := plain[name]; want != "" && !strings.HasPrefix(name, "SSH_") && name != "REXEC_SESSION" {
				assert.Equal(t, want, got[name], name)
			}
		}
	}
	assert.NoFileExists(t, mark, "what is refused does not run")
}

func TestSem22_ARefusedEnvIs254AndNothingRuns(t *testing.T) {
	p := start(t)
	mark := t.TempDir() + "/mark"
	ours(t, p.run(p.rexec("--env", "FOO=1", "box", "touch "+mark), ""), 254, `^rexec: box: refused .*"FOO"`)
	ours(t, p.run(p.rexec("ssh", "--env", "FOO=1", "box", "touch "+mark), ""), 255, `.`)
	ours(t, p.run(p.rexec("--env", "=1", "box", "touch "+mark), ""), 255, `^rexec: option --env: "=1"`)
	ours(t, p.run(p.rexec("--env", "NOT_SET_HERE", "box", "touch "+mark), ""), 255, `^rexec: option --env: NOT_SET_HERE is not set`)
	assert.NoFileExists(t, mark)
}
