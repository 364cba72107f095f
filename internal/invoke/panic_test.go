//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
)

// panicVariable names, for this test's binary as a program of its own, where it is to panic.
const panicVariable = "REXEC_TEST_PANIC"

// explosive is a connection whose parts panic once it is armed.
type explosive struct {
	net.Conn
	where string
	armed *atomic.Bool
}

func (e explosive) bang(where string) {
	if e.armed.Load() && e.where == where {
		panic("made by the test: " + where)
	}
}

func (e explosive) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.bang("read")
	for e.armed.Load() && e.where == "deadline" { // what would come is held back: the connection is given up
		time.Sleep(time.Hour)
	}
	return n, err
}

func (e explosive) Write(p []byte) (int, error) {
	e.bang("write")
	return e.Conn.Write(p)
}

func (e explosive) SetReadDeadline(t time.Time) error {
	e.bang("deadline") // the keepalive's last act
	return e.Conn.SetReadDeadline(t)
}

// bomb is a writer that panics at a word.
type bomb struct {
	io.Writer
	word string
}

func (b bomb) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(b.word)) {
		panic("made by the test: " + b.word)
	}
	return b.Writer.Write(p)
}

// panicking is the program: a command at this process's terminal, and a part of it that panics.
func panicking(where string) int {
	var armed atomic.Bool
	token, err := hmacauth.ParseToken(os.Getenv("REXEC_TEST_TOKEN"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cfg, err := client.FromToken(token, "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	local := localterm.Open(os.Stdin, os.Stdout)
	cfg.Guard = local.Guard
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return explosive{c, where, &armed}, err
	}
	if where == "deadline" {
		cfg.Ping, cfg.PingCount = time.Second, 1 // not before the command runs, however slow the machine is
	}
	opt := invoke.Options{Host: "box", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Verbose: true,
		Terminal: &invoke.Terminal{Local: local, Name: "xterm", Escapes: localterm.NewEscapes('~')}}
	switch where {
	case "output":
		opt.Stdout = bomb{os.Stdout, "up"}
	case "keyboard":
		opt.Terminal.Escapes = nil
	case "message":
		opt.Stderr = bomb{os.Stderr, "held together"}
	case "text":
		opt.Stdout = bomb{os.Stdout, "中"}
		opt.Text = invoke.Text{Encoding: "gbk", Out: true}
	}
	go func() { // what is shown by then is raw
		for !local.IsRaw() {
			time.Sleep(time.Millisecond)
		}
		armed.Store(true)
	}()
	line := "echo up; cat"
	if where == "text" {
		line = `printf '\326\320'; cat`
	}
	c := client.New(cfg)
	code, _ := invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, line) }, opt)
	return code
}

func TestSem30_APanicInAnyGoroutineRestoresTheTerminal(t *testing.T) {
	cfg := daemon(t)
	token := hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: cfg.KeyID, Secret: cfg.Secret, ServerID: cfg.ServerID, Pin: cfg.Pin, Address: cfg.Address}
	for _, where := range []string{"read", "write", "deadline", "output", "keyboard", "message", "text"} {
		t.Run(where, func(t *testing.T) {
			master, tty, err := pty.Open()
			require.NoError(t, err)
			before := stty(t, tty)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), panicVariable+"="+where, "REXEC_TEST_TOKEN="+token.Encode(), "GORACE=atexit_sleep_ms=0")
			var said bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, &said
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, cmd.Start())
			shown := &glass{}
			var reading sync.WaitGroup
			reading.Go(func() { _, _ = io.Copy(shown, master) })
			over := make(chan struct{})
			var typing sync.WaitGroup
			typing.Go(func() { // the parts that do something only when something is typed
				for {
					select {
					case <-over:
						return
					case <-time.After(20 * time.Millisecond):
						_, _ = io.WriteString(master, "x")
					}
				}
			})
			killer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			err = cmd.Wait()
			killer.Stop()
			close(over)
			typing.Wait()
			assert.Equal(t, before, stty(t, tty))
			require.NoError(t, tty.Close())
			reading.Wait()
			require.NoError(t, master.Close())
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s %q", said.String(), shown)
			assert.Equal(t, 2, exit.ExitCode(), said.String())
			want := "made by the test"
			if where == "keyboard" {
				want = "nil pointer dereference"
			}
			assert.True(t, strings.Contains(said.String(), want), said.String())
			assert.NotContains(t, said.String(), "fatal error")
		})
	}
}
