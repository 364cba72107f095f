//go:build linux

package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowed is a daemon that is twelve hosts, with further lines of its rexecd.toml.
func rowed(t *testing.T, config ...string) *program {
	t.Helper()
	p := start(t, config...)
	p.row(12)
	return p
}

func TestSem57_AtATerminalOneAsksAndTwoEndAll(t *testing.T) {
	p := rowed(t)
	s := p.console(p.rexec("n[001-004]", "trap '' INT; echo up; sleep 60"))
	eventually(t, soon, func() bool { return strings.Count(s.screen.String(), " up\r\n") == 4 }, "all are up: %q", s.screen)
	assert.Contains(t, s.screen.String(), "\x1b[36mn001:\x1b[0m up\r\n", "coloured")
	s.sees("0 of 4 done, 4 running") // the progress line
	asks := func() { s.types("\x03") }
	whoRuns(t, asks, s.screen.String, "rexec: 4 hosts running: n[001-004]")
	endAll(t, asks, s.screen.String)
	o := s.ends(soon)
	assert.Equal(t, "interrupt", o.signal)
	s.sees("rexec: interrupted 4: n[001-004]\r\n")
	p.nothingLeft()
}

func TestNoColourIsGivenToWhoWantsNone(t *testing.T) {
	p := rowed(t)
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		cmd := p.rexec("n001,box", "echo up")
		s := p.console(cmd)
		s.ends(soon)
		s.sees("\x1b[36mbox:") // coloured otherwise

		cmd = p.rexec("n001,box", "echo up")
		cmd.Env = append(cmd.Env, env)
		if env == "TERM=dumb" {
			cmd = exec.Command("/usr/bin/env", append([]string{env, cmd.Path}, cmd.Args[1:]...)...)
			cmd.Env = p.rexec().Env
		}
		s = p.console(cmd)
		s.ends(soon)
		s.sees("box:  up\r\n") // aligned
		s.sees("rexec: ok 2")
		assert.NotContains(t, s.screen.String(), "\x1b[")
	}
}

func TestAPersonIsAskedBeforeMany(t *testing.T) {
	p := rowed(t)
	for answer, runs := range map[string]bool{"y\r": true, "yes\r": true, "\r": false, "n\r": false, "\x04": false} {
		s := p.console(p.rexec("--confirm-above", "3", "--fold", "n[001-004]", "echo ran"))
		s.sees("rexec: run on 4 hosts, n[001-004]? [y/N] ")
		s.types(answer)
		o := s.ends(soon)
		if runs {
			assert.Zero(t, o.code)
			s.sees("n[001-004]: ran\r\n")
		} else {
			assert.Equal(t, 255, o.code)
			s.sees("rexec: nothing was run\r\n")
			assert.NotContains(t, s.screen.String(), ": ran")
		}
	}
	for _, args := range [][]string{{"--confirm-above", "4"}, {"--confirm-above", "0", "--yes"}, {"--confirm-above", "0", "-o", "BatchMode=yes"}} {
		s := p.console(p.rexec(append(args, "n[001-004]", "true")...))
		assert.Zero(t, s.ends(soon).code)
		assert.NotContains(t, s.screen.String(), "[y/N]")
	}
}

func TestThePromptRunsEachLineOnAll(t *testing.T) {
	p := rowed(t)
	s := p.console(p.rexec("-o", "BatchMode=yes", "n[001-004]"))
	s.sees("rexec: each line runs on 4 hosts, n[001-004]; exit or ^D leaves\r\n")
	s.sees("n[001-004]> ")
	does := func(line, want string) {
		t.Helper()
		had := len(s.screen.String())
		s.types(line + "\r")
		eventually(t, soon, func() bool {
			text := s.screen.String()[had:]
			return strings.Contains(text, want) && strings.HasSuffix(text, "n[001-004]> ")
		}, "%q behind %q: %q", want, line, lazy(func() any { return s.screen.String()[had:] }))
	}
	does("echo 你好", "n[001-004]: 你好\r\n")
	does("[ %n = 2 ] && echo two || echo other", "n[001,003-004]: other\r\nn002: two\r\n")
	does("\x1b[A\x1b[A", "n[001-004]: 你好\r\n") // the line before the last
	does("[ %n\t", "n002: two\r\n")            // what began like this
	does("half a line\x03echo whole", "n[001-004]: whole\r\n")
	does("exit 3", "rexec: failed 4: n[001-004] (exit 3)\r\n")
	does("", "")
	p.kill()
	does("true", "rexec: ")
	p.serve()
	does("echo again", "n[001-004]: again\r\n")

	had := len(s.screen.String())
	s.types("trap '' INT; sleep 60\r")
	s.seesBehind(had, "0 of 4 done") // so the line is being run
	asks := func() { s.types("\x03") }
	whoRuns(t, asks, s.screen.String, "4 hosts running: n[001-004]")
	endAll(t, asks, s.screen.String)
	s.sees("rexec: interrupted 4: n[001-004]\r\n")
	does("echo still here", "still here\r\n")
	s.types("\x04")
	assert.Zero(t, s.ends(soon).code)
	p.nothingLeft()

	s = p.console(p.rexec("n[001-004]"))
	s.sees("]> ")
	s.types("false\r")
	s.sees("(exit 1)")
	s.types("exit\r")
	assert.Equal(t, 1, s.ends(soon).code, "the last line's")

	s = p.console(p.rexec("n[001-004]"))
	s.sees("]> ")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, "terminated", s.ends(soon).signal)
}

// fakeSudo asks as sudo -S -k -p PROMPT -- does; what it was given and finds in its environment it writes down.
const fakeSudo = `#!/bin/sh
[ "$1 $2 $3 $5" = "-S -k -p --" ] || { echo "sudo: usage" >&2; exit 1; }
prompt=$4; shift 5
echo "$*" >>SEEN; env >>SEEN
printf %s "$prompt" >&2
read -r password
[ "$password" = "open sesame" ] || { echo "Sorry, try again." >&2; printf %s "$prompt" >&2; read -r password; exit 1; }
exec "$@"
`

func TestThePasswordIsTypedOnceAndStaysBetweenTheTerminalAndSudo(t *testing.T) {
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sudo"), []byte(strings.ReplaceAll(fakeSudo, "SEEN", seen)), 0o755))
	p := rowed(t, `path = "`+dir+`:/usr/bin:/bin"`)
	s := p.console(p.rexec("--become", "--fold", "-v", "n[001-004]", "echo ran; cat"))
	s.sees("sudo's password on 4 hosts (not shown): ")
	s.isSilent()
	s.types("open sesame\r")
	o := s.ends(soon)
	assert.Zero(t, o.code, s.screen)
	s.sees("n[001-004]: ran\r\n")
	assert.NotContains(t, s.screen.String(), "rexec asks")

	// From a file: the terminal is asked, the file goes to all.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in"), []byte("piped\n"), 0o600))
	cmd := p.rexec("--become", "--json", "n[001-004]", "cat")
	sh := exec.Command("/bin/sh", append([]string{"-c", `exec "$@" <"$0"`, filepath.Join(dir, "in"), cmd.Path}, cmd.Args[1:]...)...)
	sh.Env = cmd.Env
	s = p.console(sh)
	s.sees("(not shown): ")
	s.isSilent()
	s.types("open sesame\r")
	assert.Zero(t, s.ends(soon).code, s.screen)
	s.sees(`"event":"summary"`)
	assert.Equal(t, 4, strings.Count(s.screen.String(), `"text":"piped"`), s.screen)
	assert.NotContains(t, s.screen.String(), "sesame")

	// A wrong one is not tried twice, and ^C leaves the terminal as it was.
	s = p.console(p.rexec("--become", "n[001-002]", "echo ran"))
	s.sees("(not shown): ")
	s.types("wrong\r")
	o = s.ends(soon)
	assert.Equal(t, 1, o.code)
	s.sees("rexec: n001: sudo did not take the password\r\n")
	s = p.console(p.rexec("--become", "n[001-002]", "echo ran"))
	s.sees("(not shown): ")
	s.isSilent()
	s.types("\x03")
	assert.Equal(t, "interrupt", s.ends(soon).signal)

	log, err := os.ReadFile(filepath.Join(p.state, "audit.log"))
	require.NoError(t, err)
	found, err := os.ReadFile(seen)
	require.NoError(t, err)
	for name, text := range map[string]string{"audit log": string(log), "daemon's log": p.log.String(), "argv and environment": string(found)} {
		assert.NotEmpty(t, text, name)
		assert.NotContains(t, text, "sesame", name)
	}
	p.nothingLeft()
}

// TestSem57_ATerminalThatStandsStillHoldsNobody stops the reader of a terminal, as ^S does.
func TestSem57_ATerminalThatStandsStillHoldsNobody(t *testing.T) {
	p := rowed(t)
	cmd := p.rexec("-n", "n[001-004]", "yes")
	r, w, err := os.Pipe() // nobody reads it
	require.NoError(t, err)
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	_, err = io.ReadFull(r, make([]byte, 1000))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	within(t, soon, func() {
		for often := time.NewTicker(300 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-often.C:
				_ = cmd.Process.Signal(os.Interrupt)
			}
		}
	})
	assert.True(t, cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled())
	p.nothingLeft()
}

// A host that was met for the first time at the prompt must show the same certificate for the next line.
func TestThePromptPinsWhatItMeets(t *testing.T) {
	admin := &program{t: t, config: t.TempDir()}
	for _, args := range [][]string{{"lab", "init", "chem"}, {"lab", "token", "chem", "pc[01-02]", "--address", "127.0.0.1", "--out", filepath.Join(admin.config, "tokens")}} {
		o := admin.run(admin.rexec(args...), "")
		require.Zero(t, o.code, o.stderr)
	}
	token := filepath.Join(admin.config, "tokens", "pc01.token")
	port := freePort(t)
	first, second := admin.member("pc01", port), admin.member("pc01", port)
	for _, d := range []*program{first, second} {
		o := d.setUp("", token)
		require.Zero(t, o.code, o.stderr)
	}
	first.serve()
	t.Cleanup(first.stop)
	s := admin.console(admin.rexec("-p", strconv.Itoa(port), "pc01,pc01"))
	s.sees("pc01> ")
	s.types("echo it is $((1+1))\r")
	s.sees("pc01: it is 2\r\n")
	first.kill()
	second.serve()
	t.Cleanup(second.stop)
	s.types("echo it is $((2+2))\r")
	s.sees("shows another certificate than the pinned one")
	s.types("\x04")
	s.ends(soon)
	assert.NotContains(t, s.screen.String(), "it is 4")
}
