//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/server"
	"rexec/platform"
)

// tick is how often a condition that nobody tells of is looked at.
const tick = 10 * time.Millisecond

// eventually waits until is, at most slack times promise. It looks once more behind that, however long a look takes.
func eventually(t *testing.T, promise time.Duration, is func() bool, words string, args ...any) {
	t.Helper()
	for end := time.Now().Add(slack * promise); ; time.Sleep(tick) {
		late := time.Now().After(end)
		if is() {
			return
		}
		if late {
			t.Fatalf("not within %d times %v: %s", slack, promise, fmt.Sprintf(words, args...))
		}
	}
}

// procs lists the processes whose environment, as they were started with it, holds every one of the entries. Zombies have none.
func procs(entries ...string) []int {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
next:
	for _, path := range all {
		env, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		env = append([]byte{0}, env...)
		for _, e := range entries {
			if !bytes.Contains(env, []byte(e+"\x00")) {
				continue next
			}
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		pids = append(pids, pid)
	}
	return pids
}

// here marks the processes of this daemon's commands: the end of SSH_CONNECTION.
func (p *program) here() string { return fmt.Sprintf(" 127.0.0.1 %d", p.port) }

// tree lists all processes of this daemon's commands, of whatever session.
func (p *program) tree() []int { return procs(p.here()) }

var sessionPattern = regexp.MustCompile(`session=([0-9a-f]{32})`)

// folders lists the cgroup folders of the sessions that a daemon's log names.
func folders(log string) []string {
	named := map[string]bool{}
	for _, m := range sessionPattern.FindAllStringSubmatch(log, -1) {
		named["rexec-"+m[1]] = true
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	var left []string
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.Contains(line, " - cgroup2 ") {
			continue
		}
		_ = filepath.WalkDir(f[4], func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && named[d.Name()] {
				left = append(left, path)
			}
			return nil
		})
	}
	return left
}

// left says what is still there of this daemon's commands: processes, cgroup folders, files in its run folder.
func (p *program) left() (words []string) {
	for _, pid := range p.tree() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		words = append(words, fmt.Sprintf("process %d %q", pid, line))
	}
	for _, f := range folders(p.log.String()) {
		words = append(words, "folder "+f)
	}
	files, _ := os.ReadDir(filepath.Join(p.state, "run"))
	for _, f := range files {
		if b, err := os.ReadFile(filepath.Join(p.state, "run", f.Name())); err == nil && !strings.HasPrefix(string(b), "\n") { // else it waits for a command
			words = append(words, fmt.Sprintf("run file %s: %q", f.Name(), b))
		}
	}
	return words
}

// nothingLeft holds once everything that was started is over: the last commands of a session may still be dying.
func (p *program) nothingLeft() {
	p.t.Helper()
	var words []string
	eventually(p.t, soon, func() bool { words = p.left(); return len(words) == 0 }, "nothing is left, but: %v", lazy(func() any { return words }))
}

// logs waits until the daemon's log has text, which may be written behind what it tells of.
func (p *program) logs(text string) {
	p.t.Helper()
	eventually(p.t, soon, func() bool { return strings.Contains(p.log.String(), text) }, "%q in the log: %s", text, p.log)
}

// recorded waits until the daemon has written down which process leads a command: the command runs a moment before.
func (p *program) recorded(pid int) {
	p.t.Helper()
	eventually(p.t, soon, func() bool {
		files, _ := filepath.Glob(filepath.Join(p.state, "run", "*"))
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), fmt.Sprintf(`"PID":%d,`, pid)) {
				return true
			}
		}
		return false
	}, "process %d is recorded", pid)
}

// lazy is a value that is looked at only when it is printed.
type lazy func() any

func (l lazy) String() string { return fmt.Sprint(l()) }

// job is a program that runs while the test goes on.
type job struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *syncBuffer
	done     chan struct{}
	ended    time.Time
}

// begin starts a program; stdin is the null device, and both outputs are collected, unless cmd says otherwise.
func (p *program) begin(cmd *exec.Cmd) *job {
	p.t.Helper()
	j := &job{t: p.t, cmd: cmd, out: &syncBuffer{}, err: &syncBuffer{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = j.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = j.err
	}
	require.NoError(p.t, cmd.Start())
	go func() {
		defer close(j.done)
		_ = cmd.Wait()
		j.ended = time.Now()
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-j.done
	})
	return j
}

// says waits until the program has printed text.
func (j *job) says(text string) {
	j.t.Helper()
	eventually(j.t, soon, func() bool { return strings.Contains(j.out.String(), text) },
		"%q on stdout: %q, %q", text, j.out, j.err)
}

func (j *job) signal(s syscall.Signal) {
	j.t.Helper()
	require.NoError(j.t, j.cmd.Process.Signal(s))
}

// wait gives the outcome, which must be there within slack times promise.
func (j *job) wait(promise time.Duration) outcome {
	j.t.Helper()
	select {
	case <-j.done:
	case <-time.After(slack * promise):
		j.t.Fatalf("%v still runs after %d times %v: %s%s", j.cmd.Args[1:], slack, promise, j.out, j.err)
	}
	return ended(j.cmd, j.out.String(), j.err.String())
}

// ended tells how a program ended as a shell would.
func ended(cmd *exec.Cmd, stdout, stderr string) outcome {
	o := outcome{stdout: stdout, stderr: stderr, code: cmd.ProcessState.ExitCode()}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		o.code, o.signal = 128+int(ws.Signal()), ws.Signal().String()
	}
	return o
}

// told is the object that --status-json writes. A pointer tells null from 0.
type told struct {
	Host, Kind  string
	Code        *int64
	Signal      string
	Core        bool
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	BytesErr    uint64 `json:"bytes_err"`
	Held        []string
	Survivors   uint32
	WallUS      int64  `json:"wall_us"`
	UserUS      int64  `json:"user_us"`
	SystemUS    int64  `json:"system_us"`
	PeakBytes   uint64 `json:"peak_bytes"`
	Session     string
	OS          string
	Encoding    string
	Containment string
	ErrorClass  string `json:"error_class"`
	Error       string
	Exit        int

	fields int // how many names there were
}

// withStatus adds the option to a client and gives what it wrote once it is over.
func (p *program) withStatus(args ...string) (*exec.Cmd, func() told) {
	path := filepath.Join(p.t.TempDir(), "status")
	cmd := p.rexec(append([]string{"--status-json", path}, args...)...)
	return cmd, func() told {
		p.t.Helper()
		b, err := os.ReadFile(path)
		require.NoError(p.t, err)
		var s told
		var names map[string]json.RawMessage
		require.NoError(p.t, json.Unmarshal(b, &s), string(b))
		require.NoError(p.t, json.Unmarshal(b, &names))
		require.Equal(p.t, 1, bytes.Count(b, []byte("\n")), "one line")
		s.fields = len(names)
		return s
	}
}

// limit adds lines to the daemon's one key, before its next start.
func (p *program) limit(lines ...string) {
	p.t.Helper()
	f, err := os.OpenFile(filepath.Join(p.state, "keyring.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(p.t, err)
	_, err = fmt.Fprintln(f, strings.Join(lines, "\n"))
	require.NoError(p.t, errors.Join(err, f.Close()))
}

// startLimited is start with a key that has limits.
func startLimited(t *testing.T, lines ...string) *program {
	t.Helper()
	p := start(t)
	p.stop()
	p.limit(lines...)
	p.serve()
	return p
}

// client is the daemon's one key as the Go API wants it.
func (p *program) dial() client.Config {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.config, "rexec", "keys", "box"))
	require.NoError(p.t, err)
	tok, err := hmacauth.ParseToken(string(b))
	require.NoError(p.t, err)
	cfg, err := client.FromToken(tok, "")
	require.NoError(p.t, err)
	cfg.Address = fmt.Sprintf("127.0.0.1:%d", p.port)
	return cfg
}

// groupsOnly has an in-process daemon hold trees by their process group, as where there is no cgroup.
func groupsOnly(c *server.Config) {
	c.Trees = platform.NewTrees(platform.TreesOptions{Group: true})
}

// hasCgroups reports whether this machine lets a daemon make cgroup folders.
var hasCgroups = sync.OnceValue(func() bool {
	t := platform.NewTrees(platform.TreesOptions{})
	defer t.Close()
	return t.Folder("x") != ""
})

// pidIn reads a process id that a command wrote into a file.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	var pid int
	eventually(t, soon, func() bool {
		b, _ := os.ReadFile(path)
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		pid = n
		return err == nil && strings.HasSuffix(string(b), "\n")
	}, "a process id in %s", path)
	return pid
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := b[bytes.LastIndexByte(b, ')')+2]
	return state != 'Z' && state != 'X'
}

// reap kills what a rule left alive, so that the test leaves nothing.
func reap(t *testing.T, pid int) {
	t.Helper()
	_ = syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, soon, func() bool { return !alive(pid) }, "%d is gone", pid)
}

func assertWithin(t *testing.T, promise, took time.Duration, words string) {
	t.Helper()
	assert.LessOrEqual(t, took, slack*promise, words)
}
