//go:build linux

package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/platform/text"
)

// aChineseHost starts a daemon whose commands get a real locale of GBK. Without that locale the test stops.
func aChineseHost(t *testing.T) *program {
	t.Helper()
	out, err := exec.Command("locale", "-a").Output()
	has := func(name string) bool { return strings.EqualFold(strings.ReplaceAll(name, "-", ""), "zh_CN.gbk") }
	if err != nil || !slices.ContainsFunc(strings.Fields(string(out)), has) {
		const reason = "no locale zh_CN.GBK here: install the package locales, then localedef -i zh_CN -f GBK zh_CN.GBK"
		if os.Getenv("REXEC_E2E") == "all" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return start(t, `lang = "zh_CN.GBK"`)
}

// inGBK is text as a program on that host writes it.
func inGBK(t *testing.T, utf8 string) string {
	t.Helper()
	e, err := text.Lookup("gbk")
	require.NoError(t, err)
	out, err := e.Encode([]byte(utf8))
	require.NoError(t, err)
	return string(out)
}

// chineseNames are what a Chinese host has: among their second bytes are \ | ~ @ [ ] ^ _ and the back-tick.
var chineseNames = []string{"目录", "系统找不到指定的路径", "誠信.txt", "乗車", "俙俗", "賊~黒", "莍€.doc", "a b 宋体"}

func TestSem38_AGBKHostsNamesAreReadAndWritten(t *testing.T) {
	p := aChineseHost(t)
	dir := t.TempDir()
	for _, name := range chineseNames {
		require.NoError(t, os.WriteFile(filepath.Join(dir, inGBK(t, name)), []byte("content of "+name), 0o600))
	}
	want := slices.Sorted(slices.Values(chineseNames))

	o, s := p.runStatus("", "--text", "box", "ls "+dir)
	require.Zero(t, o.code, o.stderr)
	got := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	slices.Sort(got)
	assert.Equal(t, want, got)
	assert.Equal(t, "gbk", s["encoding"], "its commands' locale, not the daemon's or ours")
	assert.Equal(t, "auto gbk", s["text_out"])

	o, s = p.runStatus("", "box", "ls "+dir)
	got = strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	for i := range want {
		assert.Contains(t, got, inGBK(t, want[i]), "what is redirected is not touched")
	}
	assert.Equal(t, "raw", s["text_out"])

	for _, name := range chineseNames {
		path := filepath.Join(dir, name)
		assert.Equal(t, outcome{stdout: "content of " + name}, p.run(p.rexec("--encoding", "gbk", "--argv", "box", "cat", path), ""), "words reach it as GBK")
		o := p.run(p.rexec("--encoding", "gbk", "--text", "box", "ls -d '"+path+"'; ls '"+path+".无'"), "")
		assert.Equal(t, path+"\n", o.stdout)
		assert.Contains(t, o.stderr, path+".无", "and come back from stderr")
		assert.NotZero(t, o.code)
	}

	o = p.run(p.rexec("--encoding", "gbk", "--text", "box", "locale charmap; printf 目录 | wc -m; grep -c 目录"), "新目录\n没有\n目录\n")
	assert.Equal(t, outcome{stdout: "GBK\n2\n2\n"}, o, "the locale is real, and stdin reaches it as GBK")
	o = p.run(p.rexec("--encoding", "gbk", "--cwd", dir, "box", "cat 目录"), "")
	assert.Equal(t, "content of 目录", o.stdout)
	o = p.run(p.rexec("--encoding", "gbk", "--env", "LC_NAME=目录", "box", "cat "+dir+`/"$LC_NAME"`), "")
	assert.Equal(t, "content of 目录", o.stdout)
}

func TestSem38_TheFinalLocaleDecides(t *testing.T) {
	p := aChineseHost(t)
	for _, c := range []struct{ env, encoding string }{
		{"LC_ALL=C", "utf-8"}, {"LC_CTYPE=zh_TW.BIG5", "big5"}, {"LC_MESSAGES=C", "gbk"}, {"LC_ALL=", "gbk"}, {"LANG=zh_CN.UTF-8", "utf-8"},
	} {
		_, s := p.runStatus("", "--env", c.env, "box", "true")
		assert.Equal(t, c.encoding, s["encoding"], c.env)
	}
}

func TestSem37_AGBKFileCutAtEveryByte(t *testing.T) {
	p := aChineseHost(t)
	file := filepath.Join(t.TempDir(), "gbk")
	const line = "系统找不到指定的路径。\n目录 C:\\誠\\> \n"
	content := inGBK(t, line)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	n := len(content)
	// Two writes a round, each cut at another byte; they leave the host one by one.
	command := fmt.Sprintf(`i=0; while [ $i -le %d ]; do head -c $i %s; sleep 0.01; tail -c +$((i+1)) %s; i=$((i+1)); done`, n, file, file)
	for _, encoding := range []string{"gbk", "gb18030", "auto"} {
		o := p.run(p.rexec("--text", "--encoding", encoding, "box", command), "")
		assert.Equal(t, outcome{stdout: strings.Repeat(line, n+1)}, o, encoding)
	}
	// And byte by byte.
	command = fmt.Sprintf(`i=1; while [ $i -le %d ]; do tail -c +$i %s | head -c 1; i=$((i+1)); done`, n, file)
	o := p.run(p.rexec("--text", "--encoding", "gbk", "box", command), "")
	assert.Equal(t, outcome{stdout: line}, o)
}

func TestSem41_BothSpokenOnOneHost(t *testing.T) {
	p := aChineseHost(t)
	o := p.run(p.rexec("--text", "box", `printf '\304\277\302\274\n'; LC_ALL=C.UTF-8; printf '\347\233\256\345\275\225\n'; printf '\304\277\302'`), "")
	assert.Equal(t, outcome{stdout: "目录\n目录\n目\ufffd"}, o)
}

func TestSem42_WhatIsNotTextIsNotTouched(t *testing.T) {
	p := aChineseHost(t)
	dir := t.TempDir()
	all := make([]byte, 0, 1<<17)
	for i := range 1 << 16 {
		all = append(all, byte(i>>8), byte(i))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, inGBK(t, "目录")), all, 0o600))
	want := fmt.Sprintf("%x", sha256.Sum256(all))
	for _, args := range [][]string{{"box"}, {"--encoding", "gbk", "box"}, {"--text", "--encoding", "raw", "box"}} {
		o := p.run(p.rexec(append(args, "cat "+dir+"/*")...), "")
		assert.Equal(t, want, fmt.Sprintf("%x", sha256.Sum256([]byte(o.stdout))), args)
		o = p.run(p.rexec(append(args, "sha256sum")...), string(all))
		assert.Equal(t, want+"  -\n", o.stdout, args)
	}
	tar := func(args ...string) string {
		return p.run(p.rexec(append(args, "tar c --sort=name -C "+dir+" .")...), "").stdout
	}
	assert.Equal(t, tar("box"), tar("--encoding", "gbk", "box"))
	assert.Contains(t, tar("box"), inGBK(t, "目录"))
}

func TestSem40_NothingIsReplacedOnTheWay(t *testing.T) {
	p := aChineseHost(t)
	mark := filepath.Join(t.TempDir(), "ran")
	ours(t, p.run(p.rexec("--encoding", "gbk", "box", "touch "+mark+" 😀"), ""), 255, `^rexec: command: "😀" \(U\+1F600\) at byte \d+ has no place in gbk; nothing was started`)
	assert.NoFileExists(t, mark)

	o, s := p.runStatus("目录\n目😀录\n", "--text", "box", "cat >"+mark+"; echo the input was whole")
	ours(t, o, 255, `^rexec: box: read stdin: "😀" \(U\+1F600\) at byte 10 has no place in gbk: the command is ended`)
	assert.Equal(t, "canceled", s["kind"])
	if got, err := os.ReadFile(mark); err == nil {
		assert.True(t, strings.HasPrefix(inGBK(t, "目录\n目"), string(got)), "%q", got)
	}
}

func TestTheAuditLogShowsWhatWasMeant(t *testing.T) {
	p := aChineseHost(t)
	require.Zero(t, p.run(p.rexec("--encoding", "gbk", "box", "echo 目录"), "").code)
	require.Zero(t, p.run(p.rexec("box", "echo '\xbe\xb6'"), "").code)
	log, err := os.ReadFile(filepath.Join(p.state, "audit.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), `"line":"echo 目录"`)
	assert.Contains(t, string(log), `"words":"gbk"`)
	assert.Contains(t, string(log), `"line":"echo '\\xbe\\xb6'"`, "bytes that nobody named stay bytes")
}
