package inventory

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/internal/secretfile"
)

func TestTokenFileHoldsOneTokenAndWhiteSpace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tok")
	tok := hostToken("a")
	require.NoError(t, secretfile.Write(path, []byte("\n  "+tok.Encode()+"\r\n\n")))
	got, err := ReadTokenFile(path)
	require.NoError(t, err)
	assert.Equal(t, tok.Encode(), got.Encode())
}

func TestWrongContentIsNamedAndNotShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tok")
	good := hostToken("a").Encode()
	for text, want := range map[string]string{
		"":                 "the token is empty",
		good[:len(good)-5]: "the token is cut short or has a typo",
		good + "\n" + good: "more than one token",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n": "PEM file",
		"hello world": "not a token",
	} {
		require.NoError(t, secretfile.Write(path, []byte(text)))
		_, err := ReadTokenFile(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		assert.NotContains(t, err.Error(), good[5:20])
	}
	_, err := ReadTokenFile(path + ".none")
	require.ErrorContains(t, err, "no such file")
}

func TestKeyNeverLeadsOutOfTheFolder(t *testing.T) {
	inv := opened(t, "")
	for _, key := range []string{"../hosts.toml", "..", "/etc/passwd", "a/b", `a\b`, "", "-x"} {
		_, err := inv.Token(Host{Key: key})
		require.ErrorContains(t, err, "key name ", key)
	}
}
