//go:build linux

package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seat is a terminal of UTF-8 with rexec in it.
type seat struct {
	t      *testing.T
	master *os.File
	screen *syncBuffer
	done   chan error
}

// seat starts rexec with args on a terminal of its own.
func (p *program) seat(args ...string) *seat {
	p.t.Helper()
	cmd := p.rexec(args...)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	require.NoError(p.t, err)
	s := &seat{t: p.t, master: master, screen: &syncBuffer{}, done: make(chan error, 1)}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		_, _ = io.Copy(s.screen, master) // until EIO, its end
	}()
	go func() {
		err := cmd.Wait()
		<-shown
		s.done <- err
	}()
	p.t.Cleanup(func() { _ = master.Close() })
	return s
}

// types gives keys, as the terminal here makes bytes of them.
func (s *seat) types(keys string) {
	s.t.Helper()
	_, err := io.WriteString(s.master, keys)
	require.NoError(s.t, err)
}

// shows waits until text comes, and forgets the screen up to there.
func (s *seat) shows(text string) {
	s.t.Helper()
	eventually(s.t, soon, func() bool { return strings.Contains(s.screen.String(), text) }, "%q on the screen: %q", text, s.screen)
	s.screen.mu.Lock()
	defer s.screen.mu.Unlock()
	s.screen.b.Next(strings.Index(s.screen.b.String(), text) + len(text))
}

// leaves waits for the program's end.
func (s *seat) leaves(code int) {
	s.t.Helper()
	select {
	case err := <-s.done:
		got := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		}
		assert.Equal(s.t, code, got, "%q", s.screen)
	case <-time.After(slack * soon):
		s.t.Fatalf("it does not end: %q", s.screen)
	}
}

func TestSem40_ANameTypedAtAGBKPromptReachesItAsGBK(t *testing.T) {
	p := aChineseHost(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, inGBK(t, "目录")), []byte(inGBK(t, "内容")), 0o600))
	for _, encoding := range []string{"auto", "gbk"} {
		s := p.seat("--encoding", encoding, "box")
		s.types("PS1='提示'\"符> \"; cd " + dir + "\r")
		s.shows("提示符> ")
		s.types("ls 目*; cat 目录; echo\r")
		s.shows("ls 目*; cat 目录; echo\r\n") // as the terminal there echoes it, which is GBK
		s.shows("目录\r\n内容\r\n提示符> ")
		s.types("touch 新" + encoding + "😀; echo done\r")
		s.shows("\a") // for what GBK does not have
		s.shows("done\r\n提示符> ")
		assert.FileExists(t, filepath.Join(dir, inGBK(t, "新"+encoding)))
		s.types("stty -a | grep -o .iutf8\r")
		s.shows("\r\n-iutf8\r\n")
		s.types("exit 7\r")
		s.leaves(7)
	}
}

func TestSem42_EachDescriptorIsJudgedByItself(t *testing.T) {
	p := aChineseHost(t)
	file := filepath.Join(t.TempDir(), "out")
	// The terminal is the shell's here; what it redirects is no text, what it leaves is.
	cmd := `"$0" -T box 'printf "\304\277\302\274\n"; printf "\304\277\302\274\n" >&2' >` + file
	shell := exec.Command("sh", "-c", cmd, filepath.Join(bin, "rexec"))
	shell.Env = p.rexec().Env
	master, err := pty.Start(shell)
	require.NoError(t, err)
	defer master.Close()
	screen, _ := io.ReadAll(master)
	require.NoError(t, shell.Wait())
	assert.Equal(t, "目录\r\n", string(screen))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, inGBK(t, "目录\n"), string(content))
}

func TestSem39_APromptThatEndsMidLineIsShown(t *testing.T) {
	p := aChineseHost(t)
	s := p.seat("-T", "box", `printf 'C:\\\304\277\302\274> '; read x; echo "[$x]" | od -An -tx1; printf '\304'; read y`)
	s.shows(`C:\目录> `)
	began := time.Now()
	s.types("目\r")
	s.shows("5b c4 bf 5d 0a\r\n")
	assert.Less(t, time.Since(began), slack*time.Second)
	s.types("\r")
	s.shows("\ufffd")
	s.leaves(0)
}
