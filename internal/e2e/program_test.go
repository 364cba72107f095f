//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/internal/e2e/ports"
	"rexec/internal/e2e/sources"
)

// bin is the folder of the two programs, built once for all tests.
var bin string

func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

func withPrograms(m *testing.M) int {
	// Under nohup or a script's & some signals are ignored, and so they would be in the programs; what is waited for is
	// given to them as the default.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	dir, err := os.MkdirTemp("", "rexec-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "rexec/cmd/rexec", "rexec/cmd/rexecd")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the programs:", err)
		return 1
	}
	bin = dir
	return m.Run()
}

// look is done by the first test: what is looked at before m.Run, go test does not know.
var look = sync.OnceValue(func() error { return sources.Look(filepath.Join("..", "..")) })

// program is a client's and a daemon's set-up in folders of their own, with the daemon running.
type program struct {
	t      *testing.T
	state  string // of the daemon
	config string // of the client
	port   int
	env    []string // more of the daemon's environment, from the next serve on
	daemon *exec.Cmd
	log    fmt.Stringer
}

// soon is when something comes for which no rule gives a time: with slack it is half a minute, which only who never comes
// takes.
const soon = 6 * time.Second

// logFile is a daemon's log in a file, so that what the daemon wrote before it answered somebody can be read as soon as the
// answer is there. A pipe would have a reader of its own, who comes when it comes.
type logFile string

func (f logFile) String() string {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// start sets both up as the README says and starts the daemon; config are further lines of rexecd.toml. The shell of
// all users is sh, so that nobody's dot files are read.
func start(t *testing.T, config ...string) *program {
	t.Helper()
	require.NoError(t, look())
	// A socket's path is short (unix(7)), t.TempDir's is not.
	short, err := os.MkdirTemp("", "rx")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(short)) })
	p := &program{t: t, state: filepath.Join(short, "state"), config: t.TempDir(), port: freePort(t)}
	token, err := p.command("rexecd", "init", "--name", "box", "--listen", fmt.Sprintf("127.0.0.1:%d", p.port), "--state", p.state).Output()
	require.NoError(t, err)
	f, err := os.OpenFile(filepath.Join(p.state, "rexecd.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintln(f, strings.Join(append([]string{`shell = "/bin/sh"`, `log_format = "text"`}, config...), "\n"))
	require.NoError(t, errors.Join(err, f.Close()))
	add := p.command("rexec", "host", "add", "box")
	add.Stdin = bytes.NewReader(token)
	out, err := add.CombinedOutput()
	require.NoError(t, err, string(out))
	p.serve()
	t.Cleanup(p.stop)
	return p
}

// serve starts the daemon and waits until it says, as to systemd (sd_notify(3)), that it listens at all its addresses. To
// try each would leave connections behind that count among those of the test.
func (p *program) serve() {
	p.t.Helper()
	out, err := os.Create(filepath.Join(p.t.TempDir(), "log"))
	require.NoError(p.t, err)
	defer out.Close()
	p.log = logFile(out.Name())
	name := p.state + ".up"
	_ = os.Remove(name)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	require.NoError(p.t, err)
	defer ready.Close()
	p.daemon = p.command("rexecd", "serve", "--state", p.state)
	p.daemon.Env = append(append(p.daemon.Env, "NOTIFY_SOCKET="+name), p.env...)
	p.daemon.Stderr = out
	require.NoError(p.t, p.daemon.Start())
	require.NoError(p.t, ready.SetReadDeadline(time.Now().Add(30*time.Second)))
	word := make([]byte, 64)
	n, err := ready.Read(word)
	require.NoError(p.t, err, "the daemon does not listen: %s", p.log)
	require.Equal(p.t, "READY=1", string(word[:n]))
}

// stop ends the daemon as an administrator would; it must then exit with 0.
func (p *program) stop() {
	if p.daemon == nil {
		return
	}
	_ = p.daemon.Process.Signal(syscall.SIGTERM)
	err := p.daemon.Wait()
	p.daemon = nil
	require.NoError(p.t, err, p.log.String())
}

// kill ends the daemon with -9.
func (p *program) kill() {
	p.t.Helper()
	require.NoError(p.t, p.daemon.Process.Kill())
	_ = p.daemon.Wait()
	p.daemon = nil
}

// command is one of our programs with the client's folder and a small environment.
func (p *program) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.config, "XDG_CONFIG_HOME=" + p.config, "LANG=C.UTF-8"}
	return cmd
}

// rexec is the client with arguments.
func (p *program) rexec(args ...string) *exec.Cmd { return p.command("rexec", args...) }

// outcome is what a shell sees of a program.
type outcome struct {
	stdout, stderr string
	code           int    // 128+n where it died of a signal
	signal         string // what it died of
}

// run runs cmd with stdin to its end.
func (p *program) run(cmd *exec.Cmd, stdin string) outcome {
	p.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if cmd.Stdin == nil {
		cmd.Stdin = strings.NewReader(stdin)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	o := outcome{stdout: out.String(), stderr: errs.String(), code: cmd.ProcessState.ExitCode()}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		o.code, o.signal = 128+int(ws.Signal()), ws.Signal().String()
	}
	return o
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := ports.Free()
	require.NoError(t, err)
	return port
}

// syncBuffer is a bytes.Buffer that a process writes while a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// cut takes text out, if it is there.
func (b *syncBuffer) cut(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, after, found := bytes.Cut(b.b.Bytes(), []byte(text))
	if found {
		b.b = *bytes.NewBuffer(slices.Concat(before, after))
	}
	return found
}
