//go:build linux

package wine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/e2e/ports"
)

// slack is how often longer than promised something may take here: wine is slow, and the machine may be busy.
const slack = 5

// patience bounds every program that is run.
const patience = 2 * time.Minute

// box is a daemon and a client that knows it, one of the two on Windows.
type box struct {
	t      testing.TB
	w      *world
	state  string // of the daemon, as it names it
	config string // of the client, as it names it
	port   int
	daemon *exec.Cmd
	log    *syncBuffer

	rexecd func(args ...string) *exec.Cmd
	rexec  func(args ...string) *exec.Cmd
}

// windowsDaemon starts rexecd.exe with further lines of configuration, for the native client.
func windowsDaemon(t testing.TB, w *world, lines ...string) *box {
	b := &box{t: t, w: w, state: fmt.Sprintf(`C:\state%d`, time.Now().UnixNano()), config: filepath.Join(w.dir, fmt.Sprintf("client%d", time.Now().UnixNano()))}
	b.rexecd = func(args ...string) *exec.Cmd { return w.wine(append([]string{`C:\rx\rexecd.exe`}, args...)...) }
	b.rexec = func(args ...string) *exec.Cmd { return b.onUnix("rexec", args...) }
	b.start(filepath.Join(w.unix(b.state), "rexecd.toml"), lines)
	return b
}

// windowsClient starts the native daemon, for rexec.exe.
func windowsClient(t testing.TB, w *world) *box {
	short, err := os.MkdirTemp("", "rx") // a socket's path is short (unix(7))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(short)) })
	b := &box{t: t, w: w, state: filepath.Join(short, "state"), config: fmt.Sprintf(`C:\client%d`, time.Now().UnixNano())}
	b.rexecd = func(args ...string) *exec.Cmd { return b.onUnix("rexecd", args...) }
	b.rexec = func(args ...string) *exec.Cmd {
		cmd := w.wine(append([]string{`C:\rx\rexec.exe`}, args...)...)
		cmd.Env = append(cmd.Env, "REXEC_CONFIG_DIR="+b.config)
		return cmd
	}
	b.start(filepath.Join(b.state, "rexecd.toml"), []string{`shell = "/bin/sh"`})
	return b
}

// onUnix is one of our programs here, with a small environment.
func (b *box) onUnix(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.w.native, name), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(b.w.dir, "home"), "XDG_CONFIG_HOME=" + b.config, "LANG=C.UTF-8"}
	return cmd
}

// start sets both sides up as the README says, and starts the daemon.
func (b *box) start(config string, lines []string) {
	b.t.Helper()
	b.port = freePort(b.t)
	token := b.must(b.rexecd("init", "--name", "box", "--listen", fmt.Sprintf("127.0.0.1:%d", b.port), "--state", b.state), "")
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(b.t, err)
	_, err = fmt.Fprintln(f, strings.Join(append([]string{`log_format = "text"`}, lines...), "\n"))
	require.NoError(b.t, errors.Join(err, f.Close()))
	if !strings.HasPrefix(b.config, `C:\`) {
		require.NoError(b.t, os.Mkdir(b.config, 0o700))
	}
	b.must(b.rexec("host", "add", "box"), token)

	b.log = &syncBuffer{}
	b.daemon = b.rexecd("serve", "--state", b.state)
	b.daemon.Stderr = b.log
	require.NoError(b.t, b.daemon.Start())
	b.t.Cleanup(b.kill)
	b.eventually(10*time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, "the daemon listens")
}

// kill ends the daemon with -9: wine has no other way to end a program that has no window.
func (b *box) kill() {
	if b.daemon == nil {
		return
	}
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait()
	b.daemon = nil
	if b.t.Failed() {
		b.t.Logf("the daemon's log:\n%s", b.log)
	}
}

// shared is the daemon that tests use which do nothing to it; it ends with the process.
func (w *world) daemon(t *testing.T) *box {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shared == nil {
		w.shared = windowsDaemon(lasting{t}, w)
	}
	b := *w.shared
	b.t = t
	b.rexec = func(args ...string) *exec.Cmd { return b.onUnix("rexec", args...) }
	return &b
}

// lasting is a test whose clean-ups are left to the end of the world.
type lasting struct{ *testing.T }

func (lasting) Cleanup(func()) {}

// outcome is what a shell sees of a program.
type outcome struct {
	stdout, stderr string
	code           int
}

// stillborn is what wine itself answers once in some thousand starts on a busy machine, when the process that it made for
// CreateProcess died before its first instruction (STATUS_INTERNAL_ERROR). The daemon says that nothing ran, so that what
// could not be started may be started again.
const stillborn = "Internal error."

// run runs cmd with stdin to its end, again if wine could not start what it asked for.
func (b *box) run(cmd *exec.Cmd, stdin string) outcome {
	b.t.Helper()
	again := &exec.Cmd{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, WaitDelay: cmd.WaitDelay}
	o := b.runOnce(cmd, stdin)
	if o.code == 126 && strings.Contains(o.stderr, stillborn) {
		b.t.Logf("wine: %s", o.stderr)
		return b.runOnce(again, stdin)
	}
	return o
}

func (b *box) runOnce(cmd *exec.Cmd, stdin string) outcome {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &errs, strings.NewReader(stdin)
	require.NoError(b.t, cmd.Start())
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	require.True(b.t, late.Stop(), "%v does not end: %s%s", cmd.Args, out.String(), errs.String())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		require.NoError(b.t, err)
	}
	code := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return outcome{out.String(), errs.String(), code}
}

// must is run of what does not fail, and gives its stdout.
func (b *box) must(cmd *exec.Cmd, stdin string) string {
	b.t.Helper()
	o := b.run(cmd, stdin)
	require.Zero(b.t, o.code, "%v: %s%s", cmd.Args, o.stdout, o.stderr)
	return o.stdout
}

// told is the object that --status-json writes, as far as it is looked at here.
type told struct {
	Kind, Signal, OS, Encoding, Containment string
	Code                                    *int64
	BytesIn                                 uint64 `json:"bytes_in"`
	BytesOut                                uint64 `json:"bytes_out"`
	BytesErr                                uint64 `json:"bytes_err"`
	UserUS                                  int64  `json:"user_us"`
	SystemUS                                int64  `json:"system_us"`
	Survivors                               uint32
	Exit                                    int
}

// withStatus runs the native client and gives what it wrote into its status file.
func (b *box) withStatus(stdin string, args ...string) (outcome, told) {
	b.t.Helper()
	f, err := os.CreateTemp(b.w.dir, "status")
	require.NoError(b.t, err)
	require.NoError(b.t, f.Close())
	o := b.run(b.rexec(append([]string{"--status-json", f.Name()}, args...)...), stdin)
	text, err := os.ReadFile(f.Name())
	require.NoError(b.t, errors.Join(err, os.Remove(f.Name())))
	var s told
	require.NoError(b.t, json.Unmarshal(text, &s), string(text))
	return o, s
}

// dial gives the Go API the daemon's key.
func (b *box) dial() *client.Client {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.config, "rexec", "keys", "box"))
	require.NoError(b.t, err)
	tok, err := hmacauth.ParseToken(string(text))
	require.NoError(b.t, err)
	cfg, err := client.FromToken(tok, "")
	require.NoError(b.t, err)
	c := client.New(cfg)
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually waits until is, at most slack times promise.
func (b *box) eventually(promise time.Duration, is func() bool, words string) {
	b.t.Helper()
	for end := time.Now().Add(slack * promise); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("not within %d times %v: %s; the daemon's log: %s", slack, promise, words, b.log)
		}
	}
}

// mark is a word that no other process has on its command line.
func mark() string { return fmt.Sprintf("mark%d", time.Now().UnixNano()) }

// lives waits until n processes have mark on their command line. That they are gone is promised; how long wine takes to
// start them is not.
func (b *box) lives(mark string, n int) {
	b.t.Helper()
	promise := patience / slack
	if n == 0 {
		promise = 5 * time.Second
	}
	b.eventually(promise, func() bool { return len(b.w.processes(mark)) == n }, fmt.Sprintf("%d processes with %s", n, mark))
}

// tree starts a command with a child and a grandchild, and waits until all three are there and the client has heard of it.
func (b *box) tree(mark string) (cmd *exec.Cmd, errs *syncBuffer) {
	b.t.Helper()
	cmd = b.rexec("box", `C:\rx\tool.exe tree `+mark)
	var out syncBuffer
	errs = &syncBuffer{}
	cmd.Stdout, cmd.Stderr = &out, errs
	require.NoError(b.t, cmd.Start())
	b.eventually(patience/slack, func() bool { return strings.Contains(out.String(), "started") }, "the tree has started")
	b.lives(mark, 3) // cmd.exe, the child, the grandchild
	return cmd, errs
}

// freePort is one that was free a moment ago.
func freePort(t testing.TB) int {
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
