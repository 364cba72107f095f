//go:build unix

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blocks are the sizes around which pipes, frames and records of TLS change their ways.
var blocks = []int{1, 10, 100, 1 << 10, 16383, 16384, 16385, 65535, 65536, 65537, 256 << 10}

// noise is n bytes of every value, the same every time.
func noise(n int) []byte {
	var seed [32]byte
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// amount is how much goes in blocks of one size: 256 of them, but not too much for a test.
func amount(block int) int { return min(max(256*block, 20_000), 4<<20) + 1 }

func TestSem11_BothWays8BitCleanInBlocksOfAnySize(t *testing.T) {
	p := start(t)
	for _, block := range blocks {
		t.Run(fmt.Sprint(block), func(t *testing.T) {
			data := noise(amount(block))
			sum := fmt.Sprintf("%x", sha256.Sum256(data))

			r, w, err := os.Pipe() // a pipe of the system, so that the client reads blocks
			require.NoError(t, err)
			fed := make(chan error, 1)
			go func() {
				var err error
				for rest := data; len(rest) > 0 && err == nil; rest = rest[min(block, len(rest)):] {
					_, err = w.Write(rest[:min(block, len(rest))])
				}
				_ = w.Close()
				fed <- err
			}()
			up := p.rexec("box", "sha256sum")
			up.Stdin = r
			o := p.run(up, "")
			_ = r.Close()
			require.NoError(t, <-fed)
			assert.Equal(t, outcome{stdout: sum + "  -\n"}, o, "up")

			file := filepath.Join(t.TempDir(), "data")
			require.NoError(t, os.WriteFile(file, data, 0o600))
			down, err := p.rexec("--argv", "box", "dd", "status=none", fmt.Sprintf("bs=%d", block), "if="+file).Output()
			require.NoError(t, err)
			assert.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(down)), "down")

			o = p.run(p.rexec("box", "cat"), string(data))
			assert.True(t, o.stdout == string(data), "there and back")
			assert.Equal(t, []any{0, ""}, []any{o.code, o.stderr})
		})
	}
}

func TestSem12_EachOutputIsWholeAfterTheOthersEnd(t *testing.T) {
	p := start(t)
	const mib = 1 << 20
	out, errs := strings.Repeat("o", mib), strings.Repeat("e", mib)
	for name, line := range map[string]string{
		"stderr after stdout's end": `head -c 1048576 /dev/zero | tr '\0' o; exec >&-; head -c 1048576 /dev/zero | tr '\0' e >&2`,
		"stdout after stderr's end": `head -c 1048576 /dev/zero | tr '\0' e >&2; exec 2>&-; head -c 1048576 /dev/zero | tr '\0' o`,
		"interleaved": `o=$(head -c 8192 /dev/zero | tr '\0' o); e=$(head -c 8192 /dev/zero | tr '\0' e)
			i=0; while [ $i -lt 128 ]; do printf %s "$o"; printf %s "$e" >&2; i=$((i+1)); done`,
	} {
		o := p.run(p.rexec("box", line), "")
		assert.Equal(t, 0, o.code, name)
		assert.True(t, o.stdout == out, "%s: stdout, %d bytes", name, len(o.stdout))
		assert.True(t, o.stderr == errs, "%s: stderr, %d bytes", name, len(o.stderr))
	}
}

func TestSem13_EndOfStdinIsHalfClose(t *testing.T) {
	p := start(t)
	within(t, 2*time.Second, func() {
		assert.Equal(t, outcome{stdout: "0000"}, p.run(p.rexec("box", "cat"), "0000"))
		assert.Equal(t, outcome{stdout: "0000 and more"}, p.run(p.rexec("box", "cat; printf ' and more'"), "0000"), "output goes on after the end of input")
		assert.Equal(t, outcome{}, p.run(p.rexec("box", "cat"), ""), "empty")
	})
}

// shell runs a line of this machine's shell with the client as $rexec.
func (p *program) shell(line string) outcome {
	p.t.Helper()
	sh := exec.Command("sh", "-c", line)
	sh.Env = append(p.rexec().Env, "rexec="+filepath.Join(bin, "rexec"))
	return p.run(sh, "")
}

func TestSem13_NoStdinAtAll(t *testing.T) {
	p := start(t)
	within(t, 2*time.Second, func() {
		assert.Equal(t, outcome{stdout: "ok\n"}, p.shell(`$rexec box 'cat; echo ok' <&-`), "closed")
		assert.Equal(t, outcome{stdout: "ok\n"}, p.shell(`$rexec box 'cat; echo ok' </dev/null`), "the null device")
		assert.Equal(t, outcome{stdout: "0000"}, p.shell(`printf 0000 | $rexec box cat`))
		assert.Equal(t, outcome{stdout: "ok\n", code: 3}, p.shell(`$rexec box 'cat; echo ok; echo lost >&2; exit 3' <&- 2>&-`), "stderr closed too")
		assert.Equal(t, outcome{code: 3}, p.shell(`$rexec box 'exit 3' <&- >&- 2>&-`), "all closed")
	})
}

func TestSem13_WithNNothingIsReadFromStdin(t *testing.T) {
	p := start(t)
	assert.Equal(t, outcome{stdout: "a\nb\nc\n"}, p.shell(`printf 'a\nb\nc\n' | while read -r x; do $rexec -n box "cat; echo $x"; done`))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("for somebody else")
	require.NoError(t, err)
	cmd := p.rexec("box", "-n", "cat; echo ok")
	cmd.Stdin = r // open at the other end: whoever waits for its end hangs
	within(t, 2*time.Second, func() { assert.Equal(t, outcome{stdout: "ok\n"}, p.run(cmd, "")) })
	require.NoError(t, w.Close())
	left, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "for somebody else", string(left))
}

func TestSem14_ARemoteThatStopsReadingEndsTheUpload(t *testing.T) {
	p := start(t)
	for line, want := range map[string]outcome{
		"exit 7":                       {code: 7},
		"exec <&-; sleep 0.1; exit 8":  {code: 8},
		"head -c 4; exit 9":            {stdout: "yyyy", code: 9},
		"head -c 100000 >/dev/null; :": {},
	} {
		cmd := p.rexec("box", line)
		cmd.Stdin = io.Reader(endless{})
		r, w, err := os.Pipe()
		require.NoError(t, err)
		cmd.Stdin = r
		done := make(chan error, 1)
		go func() {
			_, err := io.Copy(w, endless{})
			done <- err
		}()
		within(t, 2*time.Second, func() { assert.Equal(t, want, p.run(cmd, ""), line) })
		_ = r.Close()
		assert.Error(t, <-done, "the writer is told")
		_ = w.Close()
	}
}

// endless is bytes for ever.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte("y"), len(b))), nil }

func TestSem15_AReaderThatLeavesEndsTheRemoteProducer(t *testing.T) {
	p := start(t)
	for name, line := range map[string]string{"yes": "echo $$; exec yes", "a pipeline": "sh -c 'echo $$; exec yes' & wait"} {
		cmd := p.rexec("box", line)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var pid []byte
		for b := make([]byte, 1); len(pid) == 0 || pid[len(pid)-1] != '\n'; {
			_, err := io.ReadFull(out, b)
			require.NoError(t, err)
			pid = append(pid, b...)
		}
		require.NoError(t, out.Close())
		dies(t, string(pid), time.Second)
		within(t, 2*time.Second, func() { _ = cmd.Wait() })
		assert.Empty(t, stderr.String(), "%s: the client leaves quietly", name)
	}
	o := p.shell(`$rexec box yes | head -1`)
	assert.Equal(t, outcome{stdout: "y\n"}, o)
	assert.Equal(t, outcome{stdout: "2000\n"}, p.shell(`$rexec box 'yes | head -2000' | (sleep 0.3; wc -l | tr -d ' ')`), "a slow reader gets all")
}
