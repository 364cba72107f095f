package client_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
)

// told runs a command and gives the lines of its connection's story.
func told(t *testing.T, cfg client.Config, level int, line string) []string {
	t.Helper()
	var mu sync.Mutex
	var lines []string
	cfg.TraceLevel = level
	cfg.Trace = func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	c := client.New(cfg)
	cmd := c.Shell(context.Background(), line)
	cmd.Stdin, cmd.Stdout = strings.NewReader("hidden input"), io.Discard
	cmd.OfferEnv = []string{"LC_SECRET=hidden value"}
	require.NoError(t, cmd.Run())
	require.NoError(t, c.Close())
	mu.Lock()
	defer mu.Unlock()
	return lines
}

func TestEachLevelOfTheStoryTellsMore(t *testing.T) {
	cfg := daemon(t)
	const line = "cat; head -c 3000000 /dev/zero"
	var levels [4]string
	for level := range levels {
		lines := told(t, cfg, level, line)
		levels[level] = strings.Join(lines, "\n")
		assert.NotContains(t, levels[level], "hidden")
		if level > 1 {
			assert.Greater(t, len(lines), strings.Count(levels[level-1], "\n")+5)
		}
	}
	steps := []string{`connecting to 127\.0\.0\.1:\d+`, `connected to .* after`, `TLS 1\.3 is up; the daemon shows the certificate [0-9a-f]{16}, the pinned one`,
		`proved that it holds key "admin" and is "box"`, `the connection is closed after .*: .* KiB sent, 2\.9 MiB received, the round trip was `}
	parameters := []string{`trying 127`, `TLS_AES_|TLS_CHACHA`, `keys by X25519MLKEM768, protocol "rexec/1"`, `M1: key "admin", for the daemon "box", version 1`, `M2: .* after`,
		`M3: .* in the same flight the command`, `M4: .* frames of at most 65536 bytes, 262144 bytes ahead, a sign of life every 15 s`,
		`stream 1, exec: the daemon may send 262144 bytes of stdout and 262144 of stderr ahead`, `asking for the shell line "cat; head -c 3000000 /dev/zero", offering \["LC_SECRET"\]`,
		`stream 1 is taken; this side may send 262144 bytes of stdin ahead`, `stdin of stream 1 ended after 12 bytes`,
		`stdout of stream 1 ended after 3000012 bytes`}
	messages := []string{`-> OPEN 1 exec`, `-> START 1 the shell line`, `<- ACCEPT 1`, `<- STARTED 1 session`, `-> DATA 1 stdin 12 bytes`, `<- DATA 1 stdout`,
		`-> CREDIT 1 stdout`, `-> EOF 1 stdin`, `<- EOF 1 stdout after 3000012 bytes`, `<- VERDICT 1 exited, code 0`, `-> VERDICT_ACK 1`, `-> CLOSE 1`}
	for level, text := range levels {
		for least, patterns := range map[int][]string{1: steps, 2: parameters, 3: messages} {
			for _, p := range patterns {
				assert.Equal(t, max(level, 1) >= least, regexp.MustCompile(p).MatchString(text), "level %d, %s", level, p)
			}
		}
	}
	assert.Equal(t, strings.Count(levels[1], "\n"), strings.Count(levels[0], "\n"), "no level is the first")
}

func TestTheStoryOfAFirstContactAndOfARefusal(t *testing.T) {
	cfg := daemon(t)
	cfg.Pin = nil
	assert.Contains(t, strings.Join(told(t, cfg, 2, "true"), "\n"), "which nobody has pinned yet")

	var lines []string
	cfg.ServerID, cfg.TraceLevel = "other", 3
	cfg.Trace = func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	_, err := client.Dial(context.Background(), cfg)
	require.Error(t, err)
	assert.Contains(t, lines[len(lines)-1], "M3: the proof of the key")
}
