//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
)

// seat is a terminal of this test's with a command shown in it.
type seat struct {
	t            *testing.T
	master, tty  *os.File
	before       string
	shown        *glass
	errs, status *buffer
	signals      chan os.Signal
	reading      sync.WaitGroup
	done         chan struct{}
	code         int
	die          os.Signal
	conn         net.Conn // below TLS
}

// glass is what is seen on a terminal.
type glass struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (g *glass) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

func (g *glass) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

func stty(t *testing.T, tty *os.File) string {
	t.Helper()
	cmd := exec.Command("stty", "-g")
	cmd.Stdin = tty
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// sit runs a shell line at a terminal of 24 lines and 80 columns.
func sit(t *testing.T, line string, change func(*invoke.Options)) *seat {
	t.Helper()
	master, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80}))
	require.NoError(t, syscall.SetNonblock(int(master.Fd()), true)) // its Close is to end a Read
	s := &seat{t: t, master: master, tty: tty, before: stty(t, tty), shown: &glass{}, errs: newBuffer(), status: newBuffer(),
		signals: make(chan os.Signal, 8), done: make(chan struct{})}
	s.reading.Go(func() { _, _ = io.Copy(s.shown, master) })
	cfg := daemon(t)
	dialled := make(chan struct{})
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		defer close(dialled)
		var err error
		s.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return s.conn, err
	}
	c := client.New(cfg)
	opt := invoke.Options{Host: "box", Stdin: tty, Stdout: tty, Stderr: s.errs, Status: s.status, Signals: s.signals,
		Terminal: &invoke.Terminal{Local: localterm.Open(tty, tty), Name: "xterm", Escapes: localterm.NewEscapes('~')}}
	if change != nil {
		change(&opt)
	}
	go func() {
		defer close(s.done)
		s.code, s.die = invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, line) }, opt)
	}()
	t.Cleanup(func() {
		select {
		case s.signals <- syscall.SIGTERM: // for a test that failed
		default:
		}
		<-s.done
		_ = c.Close()
		_, _ = io.WriteString(master, "\r") // for whoever still reads a key
		_ = tty.Close()
		s.reading.Wait() // until nobody has the terminal any more
		_ = master.Close()
	})
	select {
	case <-dialled:
	case <-s.done:
	}
	return s
}

func (s *seat) types(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.master, text)
	require.NoError(s.t, err)
}

func (s *seat) sees(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.shown.String(), text) }, 20*time.Second, 2*time.Millisecond,
		"%q on the screen: %q", text, lazy{s.shown})
}

type lazy struct{ g *glass }

func (l lazy) String() string { return l.g.String() }

// ends waits for the end, behind which the terminal is as it was.
func (s *seat) ends() {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("no end; the screen: %q", s.shown)
	}
	assert.Equal(s.t, s.before, stty(s.t, s.tty))
}

func TestSem30_AnOrdinaryEndLeavesTheTerminalAndNoWord(t *testing.T) {
	s := sit(t, "echo up; read x; echo got $x; exit 3", nil)
	s.sees("up\r\n")
	s.types("line\r")
	s.ends()
	s.sees("up\r\nline\r\ngot line\r\n")
	assert.Equal(t, 3, s.code)
	assert.Nil(t, s.die)
	assert.Empty(t, s.errs.String())
	assert.True(t, strings.HasSuffix(s.shown.String(), "got line\r\n"), "%q", s.shown)
}

func TestSem31_LeavingIsAtOnceAndTidy(t *testing.T) {
	s := sit(t, `printf '\033[?1049h\033[?25l'; echo up; sleep 300`, func(o *invoke.Options) {
		o.Terminal.Goodbye = 15 * time.Second // the verdict is looked at here, and its time on a busy machine is not
	})
	s.sees("up")
	s.types("~.")
	s.ends()
	s.sees("\x1b[?25h\x1b[?1049l\x0f\x1b[m")
	assert.Equal(t, invoke.ExitFailure, s.code)
	assert.Nil(t, s.die)
	assert.Empty(t, s.errs.String())
	assert.Contains(t, s.status.String(), `"kind":"canceled"`)
}

func TestSem25_ASignalAtATerminalIsAGoodbye(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGHUP: 129, syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGQUIT: 131} {
		for _, stubborn := range []string{"", "trap '' HUP TERM; "} {
			s := sit(t, stubborn+"echo up; printf 'in a line'; sleep 300; sleep 300", nil)
			s.sees("in a line")
			began := time.Now()
			s.signals <- sig
			s.ends()
			assert.Less(t, time.Since(began), 15*time.Second, "who leaves waits for nobody")
			assert.Equal(t, code, s.code)
			assert.Equal(t, os.Signal(sig), s.die)
			assert.Equal(t, "\n", s.errs.String(), "the shell here begins a line")
			assert.Contains(t, s.status.String(), `"error_class":"`)
		}
	}
}

func TestSem31_EscapesShowHelpAndTheConnection(t *testing.T) {
	s := sit(t, "echo up; cat", nil)
	s.sees("up")
	s.types("~?")
	s.sees("~.   leave: what runs there is ended\r\n")
	s.types("~#")
	s.sees("box (127.0.0.1:")
	s.sees(" ms, 0 bytes typed, 4 bytes shown\r\n")
	s.types("~~x\r\x04")
	s.ends()
	s.sees("~x\r\n~x\r\n")
	assert.Zero(t, s.code)
}

func TestAQuietConnectionSaysSoAndTakesItBack(t *testing.T) {
	s := sit(t, "echo up; cat", func(o *invoke.Options) { o.Terminal.Quiet = 200 * time.Millisecond })
	s.sees("up")
	s.sees("\x1b7\x0f\x1b[24;43H\x1b[m\x1b[7m box: no answer for 0 s, ~. to leave \x1b8")
	s.sees("\x1b[m\x1b[7m box: no answer for 1 s, ~. to leave \x1b8")
	s.types("x")
	s.sees("\x1b7\x0f\x1b[24;43H\x1b[m" + strings.Repeat(" ", 37) + "\x1b8x")
	s.types("\r\x04")
	s.ends()
	assert.Zero(t, s.code)
}

func TestALostConnectionIsOneLine(t *testing.T) {
	s := sit(t, "echo up; printf '$ '; sleep 300", nil)
	s.sees("$ ")
	require.NoError(t, s.conn.Close())
	s.ends()
	assert.Equal(t, invoke.ExitFailure, s.code)
	assert.Regexp(t, `^\nrexec: box: the connection is lost: [^\n]+\n$`, s.errs.String())
	assert.Contains(t, s.status.String(), `"error_class":"unknown"`)
}

func TestSem29_TheCommandFollowsTheSize(t *testing.T) {
	s := sit(t, "trap 'stty size' WINCH; stty size; echo up; while :; do sleep 0.02; done", nil)
	s.sees("24 80\r\nup")
	require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 50, Cols: 132}))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH)) // it is not this process's controlling terminal
	s.sees("50 132\r\n")
	s.types("\x03")
	s.ends()
	assert.Equal(t, 130, s.code, "^C was a byte, and the command died of it")
	assert.Nil(t, s.die, "so this process did not")
}

func TestOwnLinesStandAtTheBeginningOfTheirs(t *testing.T) {
	s := sit(t, "echo up; cat", func(o *invoke.Options) { o.Verbose, o.Stderr = true, o.Stdout })
	s.sees("up")
	s.sees("held together by a")
	for line := range strings.Lines(s.shown.String()) {
		assert.True(t, strings.HasSuffix(line, "\r\n") || !strings.HasSuffix(line, "\n"), "%q", line)
	}
	s.types("\x04")
	s.ends()
}

func TestSem20_ATerminalThereNeedsNoneHere(t *testing.T) {
	r := run(t, daemon(t), "tty; read x; echo $x", invoke.Options{Stdin: strings.NewReader("~.\nno escape\n"),
		Terminal: &invoke.Terminal{Local: localterm.Open(nil, nil), Name: "dumb", Escapes: localterm.NewEscapes('~')}})
	assert.Zero(t, r.code)
	assert.Regexp(t, `(?s)/dev/[^\n]*\r\n.*~\.\r\n$`, r.out, "the echo of what was typed may stand anywhere before")
	assert.Empty(t, r.errs)

	r = run(t, daemon(t), "stty -onlcr; echo up; sleep 300", invoke.Options{
		Terminal: &invoke.Terminal{Local: localterm.Open(nil, nil), Name: "dumb", Escapes: localterm.NewEscapes('~')}}, os.Interrupt)
	assert.Equal(t, 130, r.code)
	assert.Equal(t, os.Interrupt, r.die)
	assert.Empty(t, r.errs)
}

func TestWhoHangsUpIsGone(t *testing.T) {
	s := sit(t, "echo up; sleep 300", nil)
	s.sees("up")
	require.NoError(t, s.master.Close())
	<-s.done
	assert.Equal(t, 129, s.code)
	assert.Equal(t, os.Signal(syscall.SIGHUP), s.die)
}

func TestARefusedTerminalLeavesTheLocalOneAlone(t *testing.T) {
	s := sit(t, "exec /nosuch", nil)
	s.ends()
	assert.Equal(t, 127, s.code)
	s = sit(t, "", func(o *invoke.Options) { o.Text.Encoding = "nosuch" })
	s.ends()
	assert.Equal(t, 255, s.code)
	assert.Contains(t, s.errs.String(), "nosuch")
}
