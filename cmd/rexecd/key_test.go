package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAKeyThatCannotBeIsRefusedWithItsOption(t *testing.T) {
	dir := state(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"x", "--expires", "-1h"}, "option --expires is -1h0m0s, want more than 0, as 720h"},
		{[]string{"x", "--expires", "0"}, "option --expires is 0s, want more than 0"},
		{[]string{"x", "--source", "garbage"}, `option --source: "garbage", want an address or a network, as 192.0.2.7`},
		{[]string{"x", "--source", "10.0.0.1/8"}, `option --source: "10.0.0.1/8", whose address goes beyond the network: want 10.0.0.0/8`},
		{[]string{"x", "--max-sessions", "-1"}, `"max_sessions" is -1`},
		{[]string{"x", "--command-pattern", "$(reboot)"}, "has the expansion"},
		{[]string{"admin"}, `key "admin" is in the ring already: rexecd key rotate admin gives it another secret, rexecd key rm admin makes room`},
		{[]string{"A B"}, "want 1 to 64 characters"},
		{nil, "rexecd key add wants the id of one key"},
	} {
		s := rexecd(t, append([]string{"key", "add", "--state", dir}, c.args...)...)
		assert.Equal(t, 1, s.code, c.args)
		assert.Empty(t, s.out)
		assert.Contains(t, s.err, c.want)
	}
	assert.Equal(t, "ID     EXPIRES  LIMITS  COMMENT\nadmin  -        -\n", rexecd(t, "key", "ls", "--state", dir).out)
	assert.Zero(t, rexecd(t, "key", "rm", "admin", "--state", dir).code)
	s := rexecd(t, "check", "--state", dir)
	assert.Equal(t, said{0, "", "rexecd: the ring has no key, so nobody can come in: make one with rexecd key add\nrexecd: the files are good: 0 keys\n"}, s)
}

func TestATokenInAFileThatOthersMayReadIsTold(t *testing.T) {
	for mode, told := range map[os.FileMode]bool{0o644: true, 0o600: false} {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), "token"), os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		require.NoError(t, f.Chmod(mode))
		words, err := os.Create(filepath.Join(t.TempDir(), "words"))
		require.NoError(t, err)
		require.NoError(t, giveToken(stdio{out: f, err: words}, "rxt1_x"))
		require.NoError(t, f.Close())
		require.NoError(t, words.Close())
		token, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		assert.Equal(t, "rxt1_x\n", string(token))
		said, err := os.ReadFile(words.Name())
		require.NoError(t, err)
		assert.Equal(t, told, strings.Contains(string(said), "chmod 600"), "%v: %s", mode, said)
	}
}

func TestAShellThatIsNotThereIsToldByCheck(t *testing.T) {
	dir := state(t)
	write(t, dir, conf, "names =", "shell = \"/nonexistent\"\nnames =")
	s := rexecd(t, "check", "--state", dir)
	assert.Zero(t, s.code)
	assert.Contains(t, s.err, `shell is "/nonexistent", which is not a program of this machine`)
}

func TestALostRingBeginsAnew(t *testing.T) {
	dir := state(t)
	require.NoError(t, os.Remove(filepath.Join(dir, ring)))
	s := rexecd(t, "check", "--state", dir)
	assert.Equal(t, 1, s.code)
	assert.Contains(t, s.err, "keyring.toml: no such file or directory: put it back, or make a key with rexecd key add")
	assert.Contains(t, rexecd(t, "key", "rm", "admin", "--state", dir).err, "is not in the ring")
	assert.Zero(t, rexecd(t, "key", "add", "admin", "--state", dir).code)
	assert.Equal(t, said{0, "", "rexecd: the files are good: 1 key\n"}, rexecd(t, "check", "--state", dir))

	write(t, dir, conf, "", "broken")
	assert.Zero(t, rexecd(t, "key", "rm", "admin", "--state", dir).code, "in an emergency the configuration does not matter")
	s = rexecd(t, "key", "add", "admin", "--state", filepath.Join(dir, "nothing"))
	assert.Equal(t, 1, s.code)
	assert.Contains(t, s.err, "set this machine up with rexecd init, or say --state DIR")
}

func TestAByteOrderMarkIsNoPartOfAFile(t *testing.T) {
	dir := state(t)
	for _, name := range []string{conf, ring} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		write(t, dir, name, "", "\xef\xbb\xbf"+string(b))
	}
	assert.Zero(t, rexecd(t, "check", "--state", dir).code)
	write(t, dir, conf, "listen", "lisden")
	assert.Contains(t, rexecd(t, "check", "--state", dir).err, `rexecd.toml:2:1: "lisden" is not known here`)
}
