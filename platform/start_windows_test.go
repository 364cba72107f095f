package platform

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"rexec/platform/text"
)

func TestSem21_WordsReachAProgramAsTheyAre(t *testing.T) {
	words := []string{"", " ", "a b", `a"b`, `\`, `a\`, `a b\`, `\"`, `\\"`, "-x", "--", "$(x)", "`x`", "%PATH%", "!x!", "^", "&|<>()", "*?", "a\tb\nc", "'", "中文 文件.txt", "\u00e9\U0001f600", "a,b;c=d"}
	code, out, errs := outcome(t, helper("words", words...))
	assert.Zero(t, code, errs)
	var got []string
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	assert.Equal(t, words, got)
}

func TestSem21_BatchFilesGetOnlyWordsThatCanBeQuoted(t *testing.T) {
	file := filepath.Join(folder(t), "show words.bat")
	require.NoError(t, os.WriteFile(file, []byte("@echo [%~1]\r\n@echo [%~2]\r\n@echo [%~3]\r\n@exit 5\r\n"), 0o600))
	run := func(words ...string) Spec {
		s := helper("")
		s.Argv = append([]string{file}, words...)
		return s
	}
	code, out, errs := outcome(t, run("a b", "c,d;e=f", "(x)"))
	assert.Equal(t, int64(5), code, errs)
	assert.Equal(t, "[a b]\r\n[c,d;e=f]\r\n[(x)]\r\n", out)
	for _, bad := range []string{"%PATH%", "a!b", `a"b`, "a^b", "a&calc", "a|b", "a<b", "a>b", "a\nb", "a\rb"} {
		_, err := Start(nil, run("fine", bad))
		var no *StartError
		require.ErrorAs(t, err, &no, bad)
		assert.Contains(t, no.Reason, "cannot pass word 2 to the batch file")
		assert.False(t, no.NotFound)
	}
	for _, name := range []string{`C:\x.bat`, `C:\x.CMD`, `C:\x.bat.`, `C:\x.bat .. `, `C:\x.cmd `} {
		assert.True(t, isBatch(name), name)
	}
	assert.False(t, isBatch(`C:\x.bat.exe`))
}

func TestSem21_WhatIsNoUTF8OrTooLongIsRefused(t *testing.T) {
	long := helper("words", strings.Repeat("x", 33000))
	env := helper("words")
	env.Env = append(env.Env, "X=\xff")
	lines := helper("words")
	lines.RunLine("cmd", "echo a\necho b")
	for want, spec := range map[string]Spec{
		"word 1 of the command is no UTF-8": helper("words", "\xd6\xd0"),
		"this is no UTF-8":                  env,
		"longer than the 32766 characters":  long,
		"would run only the first line":     lines,
		"holds a NUL byte":                  helper("words", "a\x00b"),
	} {
		_, err := Start(nil, spec)
		assert.ErrorContains(t, err, want)
	}
}

func TestSem8_NotFoundIsToldFromNotRunnable(t *testing.T) {
	dir := folder(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text.txt"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "false.exe"), []byte("no program"), 0o600))
	for name, notFound := range map[string]bool{
		"nosuchprogram": true, `C:\no\such.exe`: true, "": true,
		dir: false, filepath.Join(dir, "text.txt"): false, filepath.Join(dir, "false.exe"): false,
	} {
		spec := helper("")
		spec.Argv = []string{name}
		_, err := Start(nil, spec)
		var no *StartError
		require.ErrorAs(t, err, &no, name)
		assert.Equal(t, notFound, no.NotFound, no.Reason)
	}
	spec := helper("words")
	spec.Dir = `C:\no\such`
	_, err := Start(nil, spec)
	assert.ErrorContains(t, err, `cannot start in "C:\\no\\such"`)
}

func TestSem3_ExitCodesAreExact(t *testing.T) {
	for _, code := range []int64{0, 1, 255, 256, 9009, 0x7fffffff, 0xC0000005, 0xC000013A, 0xffffffff} {
		p := begin(t, helper("end", fmt.Sprintf("%x", code)))
		got, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, code, got)
		assert.Empty(t, signal, "nobody sent one")
	}
}

func TestShellsRunALineAsItIs(t *testing.T) {
	spec := helper("")
	spec.RunLine("cmd", `echo "a  b" ^& "c" & exit 3`)
	code, out, errs := outcome(t, spec)
	assert.Equal(t, int64(3), code, errs)
	assert.Equal(t, "\"a  b\" & \"c\" \r\n", out)

	var s Spec
	s.RunLine("pwsh", `echo "a b" 'c'`)
	assert.Equal(t, "pwsh", s.Path)
	assert.Equal(t, `-NoProfile -NonInteractive -Command "echo \"a b\" 'c'"`, s.CommandLine)
	s.RunShell(`C:\Windows\System32\WindowsPowerShell\v1.0\PowerShell.exe`)
	assert.Equal(t, "-NoLogo -NoProfile -NonInteractive -Command -", s.CommandLine)
	for _, good := range []string{"cmd", "powershell", "pwsh.exe", `C:\msys64\usr\bin\bash.exe`} {
		assert.NoError(t, CheckShell(good), good)
	}
	for _, bad := range []string{"bash", `bin\cmd.exe`, `\cmd.exe`, ""} {
		assert.Error(t, CheckShell(bad), bad)
	}
}

func TestSem22_TheEnvironmentIsTheSystemsAndWhatIsNamed(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	spec := helper("environment")
	spec.Env = append(spec.Env, "Greeting=你好", "path=first", "PATH=C:\\second")
	code, out, errs := outcome(t, spec)
	assert.Zero(t, code, errs)
	var env []string
	require.NoError(t, json.Unmarshal([]byte(out), &env), out)
	names := map[string]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		names[strings.ToUpper(name)] = value
	}
	assert.Equal(t, "你好", names["GREETING"])
	assert.Equal(t, `C:\second`, names["PATH"], "the last of one name counts, in whatever case")
	for _, needed := range []string{"SYSTEMROOT", "USERPROFILE", "COMSPEC", "PATHEXT", "TEMP"} {
		assert.NotEmpty(t, names[needed], needed)
	}
	assert.NotContains(t, names, "SECRET_OF_THE_DAEMON")
}

func TestSem23_ThreeHandlesAreInherited(t *testing.T) {
	event, err := windows.CreateEvent(inheritable(), 1, 0, nil)
	require.NoError(t, err)
	defer func() { _ = windows.CloseHandle(event) }()
	name, err := windows.UTF16PtrFromString(filepath.Join(folder(t), "open"))
	require.NoError(t, err)
	file, err := windows.CreateFile(name, windows.GENERIC_WRITE|windows.DELETE, 0, inheritable(), windows.CREATE_ALWAYS, windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	require.NoError(t, err)
	defer func() { _ = windows.CloseHandle(file) }()
	code, out, errs := outcome(t, helper("handles", fmt.Sprintf("%x", uintptr(file)), fmt.Sprintf("%x", uintptr(event))))
	assert.Zero(t, code, errs)
	assert.Empty(t, out, "the file that is open here")
}

func TestStdinEndsAndNobodyReadingIsEPIPE(t *testing.T) {
	spec := helper("cat")
	spec.NoStdin = false
	p := begin(t, spec)
	text := strings.Repeat("0123456789abcdef", 20000)
	go func() {
		_, _ = io.WriteString(p.Stdin(), text)
		_ = p.Stdin().Close()
	}()
	b, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	assert.Equal(t, text, string(b), "all that was written before the end came through")

	p = begin(t, func() Spec { s := helper("end", "0"); s.NoStdin = false; return s }())
	_, _, _, err = p.Wait()
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		_, err := p.Stdin().Write([]byte("x"))
		return err != nil && strings.Contains(err.Error(), "pipe")
	}, soon, time.Millisecond)
}

func TestOutputsHaveDeadlinesAndTellWhatTheyHold(t *testing.T) {
	p := begin(t, helper("wait"))
	_ = firstNumber(t, p)
	require.NoError(t, p.Stdout().SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := p.Stdout().Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, p.Stdout().SetReadDeadline(time.Time{}))
	ended := make(chan error, 1)
	go func() {
		_, err := p.Stdout().Read(make([]byte, 1))
		ended <- err
	}()
	require.NoError(t, p.Stdout().Close())
	assert.ErrorIs(t, <-ended, os.ErrClosed)

	p = begin(t, helper("write", "5000"))
	_, _, _, err = p.Wait()
	require.NoError(t, err)
	n, err := p.Stdout().Pending()
	require.NoError(t, err)
	assert.Equal(t, 5000, n)
	b, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	assert.Len(t, b, 5000)
	n, err = p.Stdout().Pending()
	assert.NoError(t, err, "a pipe that is over holds nothing")
	assert.Zero(t, n)
}

func TestACommandHasAConsoleOfItsOwn(t *testing.T) {
	code, first, errs := outcome(t, helper("codepage"))
	require.Zero(t, code, errs)
	change := helper("")
	change.RunLine("cmd", "chcp 65001")
	code, _, errs = outcome(t, change)
	require.Zero(t, code, errs)
	_, second, _ := outcome(t, helper("codepage"))
	assert.Equal(t, first, second, "what one command does to its code page, no other sees")
}

func TestSem38_TheEncodingIsTheConsoles(t *testing.T) {
	spec := helper("codepage")
	code, page, errs := outcome(t, spec)
	require.Zero(t, code, errs)
	n, err := strconv.ParseUint(strings.TrimSpace(page), 10, 32)
	require.NoError(t, err)
	want, ok := text.ForCodePage(uint32(n))
	require.True(t, ok)
	assert.Equal(t, want, spec.Encoding(), "what the console said")
	spec.Terminal = &Terminal{}
	assert.Equal(t, "utf-8", spec.Encoding())

	file := spec.Argv[0]
	k, _, err := registry.CreateKey(registry.CURRENT_USER, consoleKey+`\`+strings.ReplaceAll(file, `\`, "_"), registry.SET_VALUE)
	require.NoError(t, err)
	defer func() {
		assert.NoError(t, registry.DeleteKey(registry.CURRENT_USER, consoleKey+`\`+strings.ReplaceAll(file, `\`, "_")))
	}()
	defer func() { assert.NoError(t, k.Close()) }()
	require.NoError(t, k.SetDWordValue("CodePage", 866))
	assert.Equal(t, "cp866", helper("codepage").Encoding())
}
