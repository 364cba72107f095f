//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// badToken is text that is no token, and what is said of it.
type badToken struct{ name, text, says string }

// badTokens are those that people give by mistake.
func badTokens(good string) []badToken {
	swapped := good[:30] + good[31:32] + good[30:31] + good[32:]
	if swapped == good {
		swapped = good[:30] + "-" + good[31:]
	}
	if swapped == good { // it was a dash twice
		swapped = good[:30] + "A" + good[31:]
	}
	return []badToken{
		{"empty", "", "is empty: copy the whole line"},
		{"blank", " \n\n", "is empty: copy the whole line"},
		{"cut at the end", good[:len(good)-1], "cut short or has a typo: copy the whole line"},
		{"cut in the middle", good[:len(good)/2], "cut short or has a typo: copy the whole line"},
		{"cut at the front", good[1:], "copy"},
		{"only its prefix", "rxt1_", "copy the whole line"},
		{"mistyped", swapped, "cut short or has a typo: copy the whole line"},
		{"more at the end", good + "A", "copy the whole line"},
		{"in two lines", good[:40] + "\n" + good[40:], "."},
		{"another version", "rxt2_" + good[5:], "."},
		{"twice", good + "\n" + good, "more than one token: give one at a time"},
		{"an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx me@box", "rexecd"},
		{"a PEM file", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbg==\n-----END OPENSSH PRIVATE KEY-----\n", "rexecd"},
		{"a ring", "keys = 1\n\n[[key]]\nid = \"admin\"\n", "."},
		{"random bytes", string(noise(300)), "."},
		{"far too long", good + strings.Repeat("A", 50_000), "."},
	}
}

func TestInputTokenThatIsNoneIsRefusedByHostAdd(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	s := p.stranger()
	for _, bad := range badTokens(good) {
		for _, args := range [][]string{{"host", "add", "h"}, {"host", "add", "h", "-"}} {
			o := s.run(s.rexec(args...), bad.text)
			ours(t, o, 255, "^rexec: the token "+".*"+bad.says, good, bad.text)
		}
		assert.NoFileExists(t, filepath.Join(s.config, "rexec", "keys", "h"), bad.name)
		assert.Empty(t, s.run(s.rexec("host", "ls"), "").stdout, bad.name)
	}
	o := s.run(s.rexec("host", "add", "h"), " \t\n"+good+"\r\n\n")
	assert.Equal(t, 0, o.code, "white space around is fine: %s", o.stderr)
}

func TestInputTokenThatIsNoneIsRefusedByI(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	for _, bad := range badTokens(good) {
		file := private(t, bad.text)
		o := p.stranger().run(p.stranger().rexec("-i", file, "127.0.0.1", "true"), "")
		ours(t, o, 255, "^rexec: "+file+": the token ", good, bad.text)
	}
}

func TestInputTokenAmongTheWordsIsNotRepeated(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	for _, args := range [][]string{
		{"host", "add", "h", good}, {"host", "add", good}, {"host", good}, {"host", "rm", good}, {"host", "ls", good}, {"host", "trust", good},
		{good, "true"}, {"-i", good, "box", "true"}, {"-p", good, "box", "true"}, {"-o", "Port=" + good, "box", "true"},
		{"-o", good, "box", "true"}, {"--timeout", good, "box", "true"}, {"--" + good, "box"}, {"host", "ls", "--" + good}, {"version", good},
		{"--env", good, "box", "true"}, {"-l", "me", "-i", "./" + good, "box"}, {"ssh", good, "true"}, {"-v", good, "true"},
	} {
		o := p.run(p.rexec(args...), "")
		assert.Equal(t, 255, o.code, "%q", args[:1])
		keepsQuiet(t, o.stdout+o.stderr, good)
	}
	for _, args := range [][]string{{good}, {"serve", good}, {"init", "--name", good, "--state", t.TempDir() + "/s"}, {"init", "--listen", good + ":0", "--state", t.TempDir() + "/s"},
		{"init", "--token", good, "--state", t.TempDir() + "/s"}, {"--" + good}} {
		ours(t, p.run(p.command("rexecd", args...), ""), 1, "^rexecd: ", good)
	}
	_, s := p.runStatus("", good, "true")
	for _, v := range []string{"host", "error"} {
		keepsQuiet(t, s[v].(string), good)
	}
}

func TestInputHostAddRefusesNamesThatCannotBeCalled(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	for _, name := range []string{"", "-oX", "host", "ssh", "lab", "help", "a b", "a,b", "lab[1-3]", "@g", "u@h", "../x", "a/b", "\x1b[31m", strings.Repeat("n", 300)} {
		o := p.run(p.rexec("host", "add", "--", name), good)
		ours(t, o, 255, "^rexec: ", good)
	}
	ours(t, p.run(p.rexec("host", "add", "-oX"), good), 255, "^rexec: .*see rexec help host", good)
}

// spoil makes a file what no secret may be kept in.
var spoil = map[string]struct {
	says string
	do   func(path string) error
}{
	"readable by all":   {`open to others \(mode 0644\): chmod 600 `, func(path string) error { return os.Chmod(path, 0o644) }},
	"writable by group": {`open to others \(mode 0620\): chmod 600 `, func(path string) error { return os.Chmod(path, 0o620) }},
	"a FIFO": {"is a FIFO, not a regular file: put a regular file there", func(path string) error {
		_ = os.Remove(path)
		return syscall.Mkfifo(path, 0o600)
	}},
	"a link": {"is a symbolic link, not a regular file: put a regular file there", func(path string) error {
		if err := os.Rename(path, path+".real"); err != nil {
			return err
		}
		return os.Symlink(path+".real", path)
	}},
	"a folder": {"is a (folder|directory), not a regular file: put a regular file there", func(path string) error {
		_ = os.Remove(path)
		return os.Mkdir(path, 0o700)
	}},
	"not there": {"no such file", os.Remove},
	"too long":  {".", func(path string) error { return os.Truncate(path, 10<<20) }},
}

func TestInputKeyFileThatOthersMayReachIsRefused(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	kept := filepath.Join(p.config, "rexec", "keys", "box")
	for name, bad := range spoil {
		t.Run(name, func(t *testing.T) {
			file := private(t, good)
			require.NoError(t, bad.do(file))
			within(t, time.Second, func() {
				o := p.stranger().run(p.stranger().rexec("-i", file, "127.0.0.1", "true"), "")
				ours(t, o, 255, "^rexec: .*"+file+".*"+bad.says, good)
			})
			require.NoError(t, os.RemoveAll(kept))
			require.NoError(t, os.RemoveAll(kept+".real"))
			require.NoError(t, os.WriteFile(kept, []byte(good), 0o600))
			require.NoError(t, bad.do(kept))
			within(t, time.Second, func() {
				ours(t, p.run(p.rexec("box", "true"), ""), 255, "^rexec: .*"+kept+".*"+bad.says, good)
			})
		})
	}
	require.NoError(t, os.RemoveAll(kept))
	require.NoError(t, os.WriteFile(kept, []byte(good), 0o600))
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""))
}
