//go:build linux

package wine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// gbk is a text as a Chinese console has it.
func gbk(t *testing.T, text string) string {
	t.Helper()
	s, err := simplifiedchinese.GBK.NewEncoder().String(text)
	require.NoError(t, err)
	return s
}

func TestSem38_AChineseConsolesComplaintIsReadable(t *testing.T) {
	b := need(t).daemon(t)
	const complaint = "无法将 \"nosuchcmd\" 识别为内部或外部命令，或者批处理脚本。\r\n"
	o, s := b.withStatus("", "--text", "box", "nosuchcmd")
	assert.True(t, strings.HasPrefix(o.stderr, complaint), "%q", o.stderr)
	assert.Contains(t, o.stderr, "the command ended with code 9009 (0x2331)")
	assert.Equal(t, 253, o.code)
	require.NotNil(t, s.Code)
	assert.Equal(t, int64(9009), *s.Code)
	assert.Equal(t, [4]string{"exited", "windows", "gbk", "job"}, [4]string{s.Kind, s.OS, s.Encoding, s.Containment})

	o, _ = b.withStatus("", "-q", "box", "nosuchcmd")
	assert.True(t, strings.HasPrefix(o.stderr, gbk(t, complaint)), "without --text the bytes are the console's own: %q", o.stderr)
}

func TestSem37_ChineseNamesAndFilesThatArriveByteByByte(t *testing.T) {
	b := need(t).daemon(t)
	const text = "第一行 系统找不到指定的路径\r\n目录: 文件.txt\r\nplain\r\n最后一行没有结尾"
	require.NoError(t, os.WriteFile(b.w.unix(`C:\rx\text.txt`), []byte(gbk(t, text)), 0o600))

	b.must(b.rexec("box", `mkdir C:\rx\目录一 & echo x> C:\rx\目录一\中文文件.txt & echo y> "C:\rx\目录一\第二 个.txt"`), "")
	names := strings.Fields(b.must(b.rexec("--text", "box", `dir /b C:\rx\目录一`), ""))
	assert.ElementsMatch(t, []string{"中文文件.txt", "第二", "个.txt"}, names)

	assert.Equal(t, text, b.must(b.rexec("--text", "box", `type C:\rx\text.txt`), ""))
	assert.Equal(t, gbk(t, text), b.must(b.rexec("box", `type C:\rx\text.txt`), ""))
	assert.Equal(t, text, b.must(b.rexec("--text", "box", `C:\rx\tool.exe drip C:\rx\text.txt`), ""), "cut at every byte")
}

func TestSem40_ChineseInputReachesAProgramAsGBK(t *testing.T) {
	b := need(t).daemon(t)
	const text = "ab\r\n中文 一行\r\nxyz\r\n文中\r\n"
	// findstr.exe prints nothing at all in wine 8; find.exe is the real thing.
	assert.Equal(t, "中文 一行\r\n", b.must(b.rexec("--text", "box", `find "中文"`), text))
	assert.Equal(t, gbk(t, text), b.must(b.rexec("--encoding", "raw", "box", `C:\rx\tool.exe cat`), gbk(t, text)))
	o := b.run(b.rexec("--text", "box", `C:\rx\tool.exe cat`), text+"\U0001f600\r\n")
	assert.Equal(t, 255, o.code, "what GBK has no bytes for is never replaced: %s", o.stderr)
	assert.Contains(t, o.stderr, "rexec: ")
}

func TestSem38_ATerminalSpeaksUTF8WhateverTheCodePage(t *testing.T) {
	b := need(t).daemon(t)
	o, s := b.withStatus("", "-tt", "box", `C:\rx\tool.exe paint 你好 & exit 7`)
	assert.Equal(t, 7, o.code, o.stderr)
	assert.Contains(t, o.stdout, "你好")
	assert.Equal(t, "utf-8", s.Encoding)
}

func TestSem43_WordsOfACommandAreUTF8OnTheWay(t *testing.T) {
	b := need(t).daemon(t)
	words := `["","a b","\"q\"","中文 \\ | { } ~ @","%PATH%","!x!","^\u0026"]`
	got := b.must(b.rexec("--argv", "box", `C:\rx\tool.exe`, "words", "", "a b", `"q"`, `中文 \ | { } ~ @`, "%PATH%", "!x!", "^&"), "")
	assert.JSONEq(t, words, got)
	o := b.run(b.rexec("--argv", "box", `C:\rx\tool.exe`, "words", "\xd6\xd0"), "")
	assert.Equal(t, 126, o.code)
	assert.Contains(t, o.stderr, "is no UTF-8")

	require.NoError(t, os.WriteFile(b.w.unix(`C:\rx\show.bat`), []byte("@echo [%~1]\r\n"), 0o600))
	assert.Equal(t, "[a b;c]\r\n", b.must(b.rexec("--argv", "box", `C:\rx\show.bat`, "a b;c"), ""))
	o = b.run(b.rexec("--argv", "box", `C:\rx\show.bat`, "a&calc"), "")
	assert.Equal(t, 126, o.code)
	assert.Contains(t, o.stderr, "cannot pass word 1 to the batch file")
	assert.NoFileExists(t, filepath.Join(b.w.drive, "calc"))
}
