//go:build unix

package platform

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// helperVariable makes the test binary a helper program.
const helperVariable = "PLATFORM_TEST_HELPER"

// soon is five times what the rules promise at most.
const soon = 10 * time.Second

func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		// The poller opens descriptors of its own with its first file.
		if r, w, err := os.Pipe(); err == nil {
			_, _ = r.Close(), w.Close()
		}
		goleak.VerifyTestMain(m)
	case "daemon":
		daemonHelper()
	case "sizes":
		sizesHelper()
	default:
		os.Exit(99)
	}
}

// helperRequest is what a daemon helper shall start; helperAnswer follows.
type helperRequest struct {
	Spec  Spec
	Group bool
	Lines int // of the command's output to wait for
}

type helperAnswer struct {
	Remains Remains
	Output  []string
	Error   string
}

// daemonHelper is a daemon that starts one command and lives until its input
// ends, then kills the command; or until somebody kills it.
func daemonHelper() {
	stop := Prepare()
	defer stop()
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var req helperRequest
	var ans helperAnswer
	if err == nil {
		err = json.Unmarshal(line, &req)
	}
	trees := NewTrees(TreesOptions{Group: req.Group})
	var p *Process
	if err == nil {
		p, err = Start(trees, req.Spec)
	}
	if err == nil {
		ans.Remains = Remains{ID: req.Spec.ID, BootID: BootID(), PID: p.Pid(), Cgroup: p.Cgroup()}
		ans.Remains.StartTime, err = StartTime(p.Pid())
		out := bufio.NewScanner(p.Stdout())
		for len(ans.Output) < req.Lines && out.Scan() {
			ans.Output = append(ans.Output, out.Text())
		}
	}
	if err != nil {
		ans.Error = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(ans)
	_, _ = io.Copy(io.Discard, in)
	if p != nil {
		_ = p.Kill()
		_ = p.Release()
	}
	_ = trees.Close()
}

// sizesHelper says the size of its terminal each time that it is told of a new one.
func sizesHelper() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	fmt.Println("ready")
	for range changed {
		if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
			fmt.Println(size.Row, size.Col)
		}
	}
}

// askDaemon starts a daemon helper by cmd, which gets the test binary's name
// as $0 in whatever shell line it is, and returns its answer. kill ends it
// with -9; without that it ends its command and itself at the test's end.
func askDaemon(t *testing.T, cmd *exec.Cmd, req helperRequest) (ans helperAnswer, kill func()) {
	t.Helper()
	cmd.Env = append(os.Environ(), helperVariable+"=daemon")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = in.Close()
			assert.NoError(t, cmd.Wait())
		}
	})
	require.NoError(t, json.NewEncoder(in).Encode(req))
	require.NoError(t, json.NewDecoder(out).Decode(&ans))
	require.Empty(t, ans.Error)
	return ans, func() {
		ended = true
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	return exe
}

// newID begins with what only this run's ids begin with.
func newID() string { return runPrefix() + strings.ToLower(rand.Text()) }

func runPrefix() string { return fmt.Sprintf("test-%d-", os.Getpid()) }

// testEnv is an environment in which commands are found.
func testEnv(more ...string) []string {
	return append([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, more...)
}

// sh is a Spec that runs a line of shell.
func sh(line string, args ...string) Spec {
	return Spec{Argv: append([]string{"sh", "-c", line, "sh"}, args...)}
}

// launch starts a command that ends with the test at the latest.
func launch(t *testing.T, trees *Trees, spec Spec) *Process {
	t.Helper()
	if spec.ID == "" {
		spec.ID = newID()
	}
	if spec.Env == nil {
		spec.Env = testEnv()
	}
	p, err := Start(trees, spec)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = p.Kill()
		assert.NoError(t, p.Release())
	})
	return p
}

// collect reads what a command writes to its end, and releases it.
func collect(t *testing.T, p *Process) (stdout, stderr string) {
	t.Helper()
	out, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	complaints, err := io.ReadAll(p.Stderr())
	require.NoError(t, err)
	_, _, _, err = p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	return string(out), string(complaints)
}

// endedBy tells a shell to end, again while it does not: some lose a signal that comes while they start a command.
func endedBy(t *testing.T, p *Process, tell func() error) (code int64, signal string) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		var err error
		code, signal, _, err = p.Wait()
		ended <- err
	}()
	for range 30 {
		require.NoError(t, tell())
		select {
		case err := <-ended:
			require.NoError(t, err)
			return code, signal
		case <-time.After(time.Second):
		}
	}
	require.NoError(t, p.Kill())
	<-ended
	require.Fail(t, "it does not end")
	return code, signal
}

// eachContainment runs a test over everything that can hold a tree here, and
// looks afterwards that nothing is left of it.
func eachContainment(t *testing.T, test func(t *testing.T, trees *Trees)) {
	t.Helper()
	for _, opt := range []TreesOptions{{Group: true}, {}} {
		trees := NewTrees(opt)
		name := "group"
		if trees.Folder("x") != "" {
			name = "cgroup"
		} else if !opt.Group {
			continue // as with Group
		}
		t.Run(name, func(t *testing.T) {
			before := openFiles(t)
			t.Cleanup(func() {
				if base := trees.Folder("x"); base != "" {
					pattern := strings.TrimSuffix(base, "x") + runPrefix() + "*"
					assert.Eventually(t, func() bool {
						left, err := filepath.Glob(pattern)
						return err == nil && len(left) == 0
					}, soon, time.Millisecond, "cgroup folders are left")
				}
				assert.NoError(t, trees.Close())
				assert.Equal(t, before, openFiles(t), "descriptors are left open")
				_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
				assert.ErrorIs(t, err, unix.ECHILD, "children are left")
			})
			test(t, trees)
		})
	}
}

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(entries)
}

// numbers reads n lines of output that are numbers.
func numbers(t *testing.T, r io.Reader, n int) []int {
	t.Helper()
	var list []int
	s := bufio.NewScanner(r)
	for len(list) < n && s.Scan() {
		pid, err := strconv.Atoi(s.Text())
		require.NoError(t, err)
		list = append(list, pid)
	}
	require.Len(t, list, n)
	return list
}

// alive says whether a process runs; a zombie does not.
func alive(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// requireGone waits until none of the processes runs any more.
func requireGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return !alive(pid) }, soon, 2*time.Millisecond, "process %d lives on", pid)
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
