package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
	"rexec/internal/policy"
)

// given writes a token as rexec lab token does.
func given(t *testing.T, kind hmacauth.TokenKind, id string) (file string, tok hmacauth.Token) {
	t.Helper()
	tok = hmacauth.Token{Kind: kind, KeyID: "chem", Secret: hmacauth.NewSecret(), ServerID: id}
	file = filepath.Join(t.TempDir(), "given")
	require.NoError(t, os.WriteFile(file, []byte(tok.Encode()+"\n"), 0o600))
	return file, tok
}

func TestDaemonIsSetUpWithATokenMadeElsewhere(t *testing.T) {
	file, tok := given(t, hmacauth.TokenHost, "pc01")
	dir := filepath.Join(t.TempDir(), "state")
	s := rexecd(t, "init", "--token", file, "--state", dir)
	require.Zero(t, s.code, s.err)
	assert.Empty(t, s.out, "who made the token has it")
	assert.Contains(t, s.err, `"pc01" is set up`)
	assert.Contains(t, s.err, `the token is for "pc01" and this machine calls itself`)
	ring, err := policy.Load(filepath.Join(dir, "keyring.toml"))
	require.NoError(t, err)
	require.Len(t, ring.Keys(), 1)
	assert.Equal(t, "chem", ring.Keys()[0].ID)
	assert.True(t, ring.Keys()[0].Secret.Equal(tok.Secret))
	conf, err := readConfig(filepath.Join(dir, "rexecd.toml"))
	require.NoError(t, err)
	assert.Equal(t, []string{"pc01"}, conf.Names)

	s = rexecd(t, "init", "--token", file, "--name", "pc01", "--state", filepath.Join(t.TempDir(), "s"))
	require.Zero(t, s.code, s.err)
	assert.NotContains(t, s.err, "calls itself")
}

func TestTokenForAnotherMachineIsRefused(t *testing.T) {
	file, _ := given(t, hmacauth.TokenHost, "pc01")
	dir := filepath.Join(t.TempDir(), "state")
	s := rexecd(t, "init", "--token", file, "--name", "pc02", "--state", dir)
	assert.Equal(t, 1, s.code)
	assert.Equal(t, `rexecd: the token is for "pc01" and opens no other daemon, this one is to be "pc02": take the token that was made `+
		`for "pc02", or leave --name out if this machine is "pc01"`+"\n", s.err)
	assert.NoDirExists(t, dir)

	master, _ := given(t, hmacauth.TokenLab, "")
	s = rexecd(t, "init", "--token", master, "--name", "pc01", "--state", dir)
	assert.Equal(t, 1, s.code)
	assert.Contains(t, s.err, "is a lab's master, which opens every host of the lab: a daemon never holds it")
	assert.NoDirExists(t, dir)
}

func TestKeyOfATokenJoinsTheRing(t *testing.T) {
	dir := state(t) // box
	file, tok := given(t, hmacauth.TokenHost, "box")
	s := rexecd(t, "key", "add", "--token", file, "--user", "operator", "--state", dir)
	require.Zero(t, s.code, s.err)
	assert.Empty(t, s.out)
	ring, err := policy.Load(filepath.Join(dir, "keyring.toml"))
	require.NoError(t, err)
	require.Len(t, ring.Keys(), 2)
	k := ring.Keys()[1]
	assert.Equal(t, "chem operator", k.ID+" "+k.User)
	assert.True(t, k.Secret.Equal(tok.Secret))

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--token", file}, `key "chem" is in the ring already: rexecd key rotate chem gives it another secret`},
		{[]string{"chem2", "--token", file}, `unknown command "chem2"`},
		{[]string{"--token", file + ".none"}, "no such file"},
		{[]string{"--token", "-"}, "stdin: the token is empty"},
		{nil, "wants the id of one key"},
	} {
		s := rexecd(t, append(append([]string{"key", "add"}, c.args...), "--state", dir)...)
		assert.Equal(t, 1, s.code, c.args)
		assert.Contains(t, s.err, c.want)
	}
	other, _ := given(t, hmacauth.TokenHost, "pc01")
	s = rexecd(t, "key", "add", "--token", other, "--state", dir)
	assert.Equal(t, 1, s.code)
	assert.Contains(t, s.err, `the token is for "pc01" and opens no other daemon, this one goes by box: take the token that was made for "box", or add "pc01" to names in `)
	master, _ := given(t, hmacauth.TokenLab, "")
	s = rexecd(t, "key", "add", "--token", master, "--state", dir)
	assert.Contains(t, s.err, "a daemon never holds it")
}
