//go:build linux

package wine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// beside starts a daemon of this system and has the box's client know it as lin.
func (b *box) beside() {
	b.t.Helper()
	short, err := os.MkdirTemp("", "rx") // a socket's path is short (unix(7))
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, os.RemoveAll(short)) })
	state, port := filepath.Join(short, "state"), freePort(b.t)
	token := b.must(b.onUnix("rexecd", "init", "--name", "lin", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--state", state), "")
	f, err := os.OpenFile(filepath.Join(state, "rexecd.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(b.t, err)
	_, err = fmt.Fprintln(f, `shell = "/bin/sh"`)
	require.NoError(b.t, errors.Join(err, f.Close()))
	b.must(b.rexec("host", "add", "lin"), token)
	b.t.Cleanup(func() { b.must(b.rexec("host", "rm", "lin"), "") })
	daemon := b.onUnix("rexecd", "serve", "--state", state)
	require.NoError(b.t, daemon.Start())
	b.t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	b.eventually(10*time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, "the daemon listens")
}

// TestBothSystemsInOneRun is the command line of a lab: each host gets the line of its own system, nobody said which that is,
// and all that is shown is UTF-8.
func TestBothSystemsInOneRun(t *testing.T) {
	b := need(t).daemon(t)
	b.beside()
	o := b.run(b.rexec("--windows", "ver", "--linux", "uname -s", "box,lin"), "")
	assert.Zero(t, o.code, o.stderr)
	assert.Regexp(t, `(?m)^lin: Linux$`, o.stdout)
	assert.Regexp(t, `(?m)^box: Microsoft Windows [0-9.]+$`, o.stdout)
	assert.NotContains(t, o.stdout, "\r")
	assert.Equal(t, "rexec: ok 2: box,lin\n", o.stderr)

	o = b.run(b.rexec("--windows", "echo 目录& nosuchcmd", "--linux", "echo 目录", "--fold", "box,lin"), "")
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "box,lin: 目录\n", o.stdout, "the same text in two encodings")
	assert.Contains(t, o.stderr, `box: 无法将 "nosuchcmd" 识别为内部或外部命令，或者批处理脚本。`)
	assert.Contains(t, o.stderr, "rexec: failed 1: box (exit 9009)\n")

	o = b.run(b.rexec("--json", "--windows", "more", "box,lin", "cat"), "一\n")
	assert.Zero(t, o.code, o.stderr)
	assert.Regexp(t, regexp.MustCompile(`"host":"lin","stream":"stdout","text":"一"`), o.stdout)

	dir := t.TempDir()
	o = b.run(b.rexec("--out", dir, "--windows", "echo 目录", "--linux", "echo 目录", "box,lin"), "")
	assert.Zero(t, o.code, o.stderr)
	for name, want := range map[string]string{"box.out": "\xc4\xbf\xc2\xbc\r\n", "lin.out": "目录\n"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "raw")
	}
	o = b.run(b.rexec("--become", "--windows", "ver", "box,lin", "id -un"), "")
	assert.Contains(t, o.stdout, "box: Microsoft Windows", "there is no sudo there, and none is needed")
}

func TestManyHostsFromWindows(t *testing.T) {
	b := windowsClient(t, need(t))
	hosts := b.w.unix(b.config + `\hosts.toml`)
	f, err := os.OpenFile(hosts, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "\n[[host]]\nname = \"n[1-4]\"\naddress = \"127.0.0.1:%d\"\nkey = \"box\"\nserver_id = \"box\"\n", b.port)
	require.NoError(t, errors.Join(err, f.Close()))
	o := b.run(b.rexec("--fold", "n[1-4]", `printf '\347\233\256\345\275\225\n'; cat; [ %n != 3 ]`), "fed\n") // 目录: wine reads arguments as GBK
	assert.Equal(t, 1, o.code, o.stderr)
	assert.Equal(t, "n[1-4] (4 hosts):\n  目录\n  fed\n", strings.ReplaceAll(o.stdout, "\r\n", "\n"))
	assert.Contains(t, o.stderr, "rexec: failed 1: n3 (exit 1)")
	o = b.run(b.rexec("-n", "--out", `C:\of`, "--retry-failed", `C:\left`, "n[1-4]", "printf 'a\\nb'; [ %n != 2 ]"), "")
	assert.Equal(t, 1, o.code, o.stderr)
	got, err := os.ReadFile(b.w.unix(`C:\of\n4.out`))
	require.NoError(t, err)
	assert.Equal(t, "a\nb", string(got))
	left, err := os.ReadFile(b.w.unix(`C:\left`))
	require.NoError(t, err)
	assert.Equal(t, "n2\n", string(left))
}
