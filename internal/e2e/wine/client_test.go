//go:build linux

package wine

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheClientRunsOnWindows(t *testing.T) {
	b := windowsClient(t, need(t))

	o := b.run(b.rexec("box", "cat; echo to stderr >&2; exit 7"), "from stdin\n")
	assert.Equal(t, outcome{"from stdin\n", "to stderr\n", 7}, o)
	assert.Contains(t, b.must(b.rexec("host", "ls"), ""), "box")

	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	assert.Equal(t, string(data), b.must(b.rexec("box", "cat"), string(data)), "8-bit clean both ways")

	status := filepath.Join(b.w.dir, "status.json")
	o = b.run(b.rexec("--status-json", `Z:`+status, "--timeout", "1s", "box", "sleep 60"), "")
	assert.Equal(t, 124, o.code)
	text, err := os.ReadFile(status)
	require.NoError(t, err)
	var s told
	require.NoError(t, json.Unmarshal(text, &s), string(text))
	assert.Equal(t, [2]string{"timeout", "linux"}, [2]string{s.Kind, s.OS})

	o = b.run(b.rexec("nowhere", "true"), "")
	assert.Equal(t, 255, o.code)
	assert.Contains(t, o.stderr, "rexec host add")
}

func TestChineseWordsTypedOnWindowsArriveAsUTF8(t *testing.T) {
	b := windowsClient(t, need(t))
	line := gbk(t, "printf '%s|' 你好 中文; printf 你好 | od -An -tx1") // as wine takes the words of this system
	assert.Equal(t, "你好|中文| e4 bd a0 e5 a5 bd\n", b.must(b.rexec("--text", "box", line), ""))
}
