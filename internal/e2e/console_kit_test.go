//go:build linux

package e2e

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/faulty"
)

// console is a real terminal of 24 lines and 80 columns with a program in it, its session's leader.
type console struct {
	t           *testing.T
	master, tty *os.File
	before      string // stty -g
	cmd         *exec.Cmd
	screen      *syncBuffer
	done        chan struct{}
}

// console starts a program, all of whose streams are a new terminal's.
func (p *program) console(cmd *exec.Cmd) *console {
	p.t.Helper()
	master, tty, err := pty.Open()
	require.NoError(p.t, err)
	require.NoError(p.t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80}))
	s := &console{t: p.t, master: master, tty: tty, cmd: cmd, screen: &syncBuffer{}, done: make(chan struct{})}
	s.stty("-ixon", "erase", "^H") // nobody's default
	s.before = s.stty("-g")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(p.t, syscall.SetNonblock(int(master.Fd()), true)) // its Close is to end a Read
	require.NoError(p.t, cmd.Start())
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(s.screen, master) })
	go func() {
		defer close(s.done)
		_ = cmd.Wait()
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
		_ = tty.Close()
		_ = master.Close()
		reading.Wait()
	})
	return s
}

// stty runs stty on the terminal.
func (s *console) stty(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("stty", args...)
	cmd.Stdin = s.tty
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, string(out))
	return string(out)
}

// isRaw waits until what is typed is the command's there.
func (s *console) isRaw() {
	s.t.Helper()
	eventually(s.t, soon, func() bool { return strings.Contains(s.stty("-a"), "-isig ") }, "raw: %q", s.screen)
}

func (s *console) types(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.master, text)
	require.NoError(s.t, err)
}

// isSilent waits until what is typed is not shown.
func (s *console) isSilent() {
	s.t.Helper()
	eventually(s.t, soon, func() bool { return strings.Contains(s.stty("-a"), " -echo ") }, "nothing is shown")
}

// sees waits until text is on the screen.
func (s *console) sees(text string) {
	s.t.Helper()
	s.seesBehind(0, text)
}

// seesBehind waits until text is on the screen, behind the bytes that were there before.
func (s *console) seesBehind(had int, text string) {
	s.t.Helper()
	eventually(s.t, soon, func() bool { return strings.Contains(s.screen.String()[had:], text) }, "%q on the screen behind %d bytes: %q", text, had, s.screen)
}

// matches waits until the screen does.
func (s *console) matches(pattern string) {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	eventually(s.t, soon, func() bool { return re.MatchString(s.screen.String()) }, "%s on the screen: %q", pattern, s.screen)
}

// does types a line for a shell and waits for its prompt.
func (s *console) does(line string) {
	s.t.Helper()
	had := strings.Count(s.screen.String(), "\r\nok> ")
	s.types(line + "\r")
	eventually(s.t, soon, func() bool { return strings.Count(s.screen.String(), "\r\nok> ") > had }, "a prompt behind %q: %q", line, s.screen)
}

// prompts has the shell there show a prompt of which the screen can be asked.
func (s *console) prompts() {
	s.t.Helper()
	s.matches("[#$] ") // root's, or anybody's
	s.types("PS1='ok> '; echo\r")
	s.sees("\r\nok> ")
}

// ends waits for the end, behind which the terminal is as it was.
func (s *console) ends(promise time.Duration) outcome {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(slack * promise):
		s.t.Fatalf("%v still runs after %d times %v: %q", s.cmd.Args[1:], slack, promise, s.screen)
	}
	assert.Equal(s.t, s.before, s.stty("-g"), "the terminal is as it was")
	s.settles()
	return ended(s.cmd, s.screen.String(), "")
}

// settles waits until all that was written to the terminal is on the screen: it gets there after the write, and at times after
// the writer's end.
func (s *console) settles() {
	s.t.Helper()
	const mark = "\x1e\x1f\x1e" // in order with what was written before, and nobody else's
	_, err := io.WriteString(s.tty, mark)
	require.NoError(s.t, err)
	eventually(s.t, soon, func() bool { return s.screen.cut(mark) }, "what was written last: %q", s.screen)
}

// through is the port of a proxy in front of the daemon, which says what happens on the way.
func (p *program) through(plan faulty.Plan) (*faulty.Proxy, string) {
	p.t.Helper()
	proxy, err := faulty.NewProxy("127.0.0.1:"+strconv.Itoa(p.port), func(int) faulty.Plan { return plan })
	require.NoError(p.t, err)
	p.t.Cleanup(proxy.Close)
	return proxy, proxy.Addr()[strings.LastIndexByte(proxy.Addr(), ':')+1:]
}

// clientOf is a client set up for a daemon of this process.
func clientOf(t *testing.T, cfg client.Config) *program {
	t.Helper()
	p := &program{t: t, config: t.TempDir()}
	token := hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: cfg.KeyID, Secret: cfg.Secret, ServerID: cfg.ServerID, Pin: cfg.Pin, Address: cfg.Address}
	o := p.run(p.rexec("host", "add", "box"), token.Encode()+"\n")
	require.Zero(t, o.code, o.stderr)
	return p
}

// foreground is the process group that has the terminal.
func (s *console) foreground() (group int) {
	s.t.Helper()
	raw, err := s.master.SyscallConn() // Fd would make it blocking
	require.NoError(s.t, err)
	require.NoError(s.t, raw.Control(func(fd uintptr) { group, err = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) }))
	require.NoError(s.t, err)
	return group
}

// pathOf is the PATH that the program's commands get.
func pathOf(p *program) string {
	for _, kv := range p.rexec().Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			return path
		}
	}
	return ""
}
