//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/faulty"
	"rexec/internal/server"
	"rexec/session"
)

// typist is somebody at a remote terminal, through the Go API and a proxy whose connection can be cut.
type typist struct {
	t      *testing.T
	cfg    client.Config
	proxy  *faulty.Proxy
	client *client.Client
	cmd    *client.Cmd
	in     *io.PipeWriter
	out    *syncBuffer
	dir    string
	pids   map[string]int
}

// sit opens a terminal of 200 by 60 in a daemon of this process; an empty line is a login shell.
func sit(t *testing.T, line string, change func(*server.Config), prepare func(*client.Cmd)) *typist {
	t.Helper()
	return sitAt(t, daemon(t, steady(change)), line, prepare)
}

func sitAt(t *testing.T, cfg client.Config, line string, prepare func(*client.Cmd)) *typist {
	t.Helper()
	y := &typist{t: t, cfg: cfg, out: &syncBuffer{}, dir: t.TempDir(), pids: map[string]int{}}
	var err error
	y.proxy, err = faulty.NewProxy(cfg.Address, nil)
	require.NoError(t, err)
	t.Cleanup(y.proxy.Close)
	cfg.Address = y.proxy.Addr()
	y.client = client.New(cfg)
	y.cmd = y.client.Shell(context.Background(), line)
	y.cmd.Terminal = terminal(60, 200)
	y.cmd.Env = []string{"LANG=C.UTF-8"}
	r, w := io.Pipe()
	y.in, y.cmd.Stdin, y.cmd.Stdout = w, r, y.out
	if prepare != nil {
		prepare(y.cmd)
	}
	require.NoError(t, y.cmd.Start())
	t.Cleanup(func() {
		_ = w.Close()
		_ = y.client.Close()
		for _, pid := range y.pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return y
}

// terminal is one that the tests' programs know.
func terminal(rows, cols uint16) *frame.Terminal {
	return &frame.Terminal{Term: "xterm", Size: frame.Size{Rows: rows, Cols: cols}}
}

// types gives text to the keyboard.
func (y *typist) types(text string) {
	y.t.Helper()
	done := make(chan error, 1)
	go func() { _, err := io.WriteString(y.in, text); done <- err }()
	select {
	case err := <-done:
		require.NoError(y.t, err)
	case <-time.After(slack * soon):
		y.t.Fatalf("nobody takes what is typed; the screen: %q", y.out)
	}
}

// shows waits until text is on the screen.
func (y *typist) shows(text string) {
	y.t.Helper()
	eventually(y.t, soon, func() bool { return strings.Contains(y.out.String(), text) }, "%q on the screen: %q", text, y.out)
}

// populate has an interactive shell start its jobs, each in a group of its own: one in front, which writes down what asks
// it to end, one behind, one behind under nohup, and one with a session of its own. stubborn ones, the shell among them,
// ignore what asks.
func (y *typist) populate(stubborn bool) {
	y.t.Helper()
	if stubborn {
		y.types("trap '' HUP TERM\n")
	}
	y.types("PS1=; cd " + y.dir + "; echo $$ >shell\n")
	y.types("nohup sh -c 'echo $$ >nohup; exec sleep 300' >/dev/null 2>&1 &\n")
	y.types("sh -c 'echo $$ >behind; exec sleep 300' &\n")
	y.types("setsid sh -c 'echo $$ >away; exec sleep 300' >/dev/null 2>&1 </dev/null &\n")
	y.types(`sh -c 'trap "echo hup >asked; exit" HUP; trap "echo term >asked" TERM; echo $$ >front; while :; do sleep 0.02; done'` + "\n")
	for _, who := range []string{"shell", "nohup", "behind", "away", "front"} {
		y.pids[who] = pidIn(y.t, filepath.Join(y.dir, who))
	}
	require.Equal(y.t, y.pids["front"], groupOf(y.t, y.pids["front"]), "the shell has job control: %q", y.out)
}

// groupOf is a process's group.
func groupOf(t *testing.T, pid int) int {
	t.Helper()
	g, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	return g
}

func (y *typist) gone(promise time.Duration, who ...string) {
	y.t.Helper()
	for _, w := range who {
		eventually(y.t, promise, func() bool { return !alive(y.pids[w]) }, "%s is gone; the screen: %q", w, y.out)
	}
}

func (y *typist) lives(who ...string) {
	y.t.Helper()
	for _, w := range who {
		assert.True(y.t, alive(y.pids[w]), "%s lives", w)
	}
}

// result waits for the verdict.
func (y *typist) result(promise time.Duration) (session.Result, error) {
	y.t.Helper()
	select {
	case <-y.cmd.Done():
	case <-time.After(slack * promise):
		y.t.Fatalf("no result within %d times %v; the screen: %q", slack, promise, y.out)
	}
	err := y.cmd.Wait()
	var exit *client.ExitError
	if errors.As(err, &exit) {
		return exit.Result, nil
	}
	return y.cmd.Result(), err
}

// shown is what a command prints on a terminal, and its verdict.
func shown(c *client.Client, line string) (string, frame.Verdict, error) {
	var out bytes.Buffer
	cmd := c.Shell(context.Background(), line)
	cmd.Terminal, cmd.Stdout = terminal(24, 80), &out
	err := cmd.Run()
	var exit *client.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return out.String(), cmd.Result().Verdict, err
}

// fileOf is a file of n bytes that are no line.
func fileOf(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprint(n))
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), n), 0o600))
	return path
}
