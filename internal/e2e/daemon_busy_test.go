//go:build linux

package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
)

func TestASourceThatIsShutOutIsToldToTryAgain(t *testing.T) {
	p := start(t, `penalty = "1m"`, `penalty_min = "3m"`) // as the defaults, on a machine that takes its time
	tok := p.token()
	tok.Secret = hmacauth.NewSecret()
	s := p.stranger()
	file := filepath.Join(s.config, "token")
	require.NoError(t, os.WriteFile(file, []byte(tok.Encode()), 0o600))
	for range 4 { // a part of each is served when the next one comes
		ours(t, s.run(s.rexec("-i", file, "box", "true"), ""), 255, "did not admit this key")
	}
	ours(t, p.run(p.rexec("box", "true"), ""), 255,
		"^rexec: box: the daemon at .* is busy, or made this address wait after failed attempts .this answer is not authenticated.: try again in a moment")
	eventually(t, soon, func() bool {
		return strings.Contains(p.read("audit.log"), "busy: its source is shut out after wrong proofs")
	}, "the audit log says so")
	assert.Regexp(t, `(?m)^refused \d+, shut out 1$`, p.run(p.command("rexecd", "status", "--state", p.state), "").stdout)
}

func TestWhoMakesWayForANewerConnectionIsToldSo(t *testing.T) {
	p := start(t, "unproved = 1", "unproved_per_source = 1")
	to := fmt.Sprintf("127.0.0.1:%d", p.port)
	slow, err := from("127.0.2.1", to)
	require.NoError(t, err)
	defer slow.Close()
	ch := channel(slow, nil)
	m2, err := answerTo(ch, hello(1)) // the daemon has read the end of TLS's handshake
	require.NoError(t, err)
	require.Contains(t, string(m2), "RXS1")
	require.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""), "a good client comes in")
	all, err := io.ReadAll(ch)
	require.NoError(t, err)
	assert.Equal(t, hmacauth.RefusedFrame(hmacauth.RefusalBusy), all)
	_ = slow.Close()
	p.logs("busy: made way for a newer connection, for more are in the handshake than unproved")
}
