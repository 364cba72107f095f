//go:build unix

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
)

// slack is what a busy machine adds to the product's promises.
const slack = 5

// tokenText is the token that start gave to rexec host add.
func (p *program) tokenText() string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.config, "rexec", "keys", "box"))
	require.NoError(p.t, err)
	return strings.TrimSpace(string(text))
}

// token is what tokenText says.
func (p *program) token() hmacauth.Token {
	p.t.Helper()
	tok, err := hmacauth.ParseToken(p.tokenText())
	require.NoError(p.t, err)
	return tok
}

// stranger is another user of the same machine, who knows no host yet.
func (p *program) stranger() *program {
	return &program{t: p.t, config: p.t.TempDir(), port: p.port}
}

// private writes a file with mode 0600 in a folder of its own.
func private(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// status is the object that --status-json writes.
type status map[string]any

// runStatus is run with --status-json; it also gives what was written there.
func (p *program) runStatus(stdin string, args ...string) (outcome, status) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "status")
	o := p.run(p.rexec(append([]string{"--status-json", file}, args...)...), stdin)
	text, err := os.ReadFile(file)
	require.NoError(p.t, err)
	require.Equal(p.t, 1, strings.Count(string(text), "\n"), "one object, one line: %q", text)
	var s status
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(p.t, d.Decode(&s), "%q", text)
	return o, s
}

// number is one of its numbers.
func (s status) number(t *testing.T, name string) int64 {
	t.Helper()
	n, ok := s[name].(json.Number)
	require.True(t, ok, "%s is %v", name, s[name])
	v, err := n.Int64()
	require.NoError(t, err)
	return v
}

// ours asserts that a failure of our own, exit code and one line on stderr that matches, is all that came, and that
// nothing in it is a secret.
func ours(t *testing.T, o outcome, code int, line string, secrets ...string) {
	t.Helper()
	assert.Equal(t, code, o.code, o.stderr)
	assert.Empty(t, o.signal)
	assert.Empty(t, o.stdout)
	assert.Regexp(t, line, o.stderr)
	assert.Equal(t, 1, strings.Count(o.stderr, "\n"), "one line: %q", o.stderr)
	assert.True(t, strings.HasSuffix(o.stderr, "\n"), "a whole line: %q", o.stderr)
	assert.NotContains(t, strings.TrimSuffix(o.stderr, "\n"), `\n`, "several lines in one")
	keepsQuiet(t, o.stdout+o.stderr, secrets...)
}

// keepsQuiet asserts that no part of a token, and its secret in no usual writing, stands in text.
func keepsQuiet(t *testing.T, text string, tokens ...string) {
	t.Helper()
	const part = 12 // 9 bytes of base64
	for _, tok := range tokens {
		body := strings.TrimPrefix(strings.TrimSpace(tok), "rxt1_")
		for i := 0; i+part <= len(body); i++ {
			if strings.Contains(text, body[i:i+part]) {
				assert.Fail(t, "a part of a token is shown", "%q", text)
				return
			}
		}
		parsed, err := hmacauth.ParseToken(tok)
		if err != nil {
			continue
		}
		secret, err := base64.RawURLEncoding.DecodeString(parsed.Secret.Reveal())
		require.NoError(t, err)
		require.Len(t, secret, 32)
		for _, writing := range []string{parsed.Secret.Reveal()[:16], base64.StdEncoding.EncodeToString(secret)[:16], fmt.Sprintf("%x", secret[:8]), string(secret[:8])} {
			assert.NotContains(t, strings.ToLower(text), strings.ToLower(writing), "a secret is shown")
		}
	}
}

// within asserts that f takes at most the time promised, with slack.
func within(t *testing.T, promised time.Duration, f func()) {
	t.Helper()
	began := time.Now()
	f()
	assert.LessOrEqual(t, time.Since(began), slack*promised)
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	require.NoError(t, err)
	return n
}
