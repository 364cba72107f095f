package platform

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hostile starts the daemon helper as a careless script would: signals
// ignored, descriptors left open, a tight umask, a limit of its own.
const hostile = `umask 077; trap "" INT QUIT HUP PIPE TERM TSTP TTIN TTOU USR1; ulimit -Sn 333; exec 7</dev/null 9>&2; exec "$0"`

func TestSem23_TheChildsWorldIsClean(t *testing.T) {
	for _, group := range []bool{true, false} {
		spec := Spec{ID: newID(), Argv: []string{"sh", "-c", "echo ready; exec sleep 1000"}, Env: testEnv()}
		ans := startBlocked(t, exec.Command("sh", "-c", hostile, testBinary(t)), helperRequest{Spec: spec, Group: group, Lines: 1})
		pid := ans.Remains.PID
		proc := "/proc/" + strconv.Itoa(pid)
		requireBecomes(t, pid, "sleep") // "ready" was the shell's

		// The loader still has a library open for a moment, one after the other; a leak would stay.
		streams := []string{"0", "1", "2"}
		require.Eventually(t, func() bool { return assert.ObjectsAreEqual(streams, names(proc+"/fd")) },
			soon, time.Millisecond, "%v", names(proc+"/fd"))
		for _, fd := range streams {
			info, err := os.ReadFile(proc + "/fdinfo/" + fd)
			require.NoError(t, err)
			flags, err := strconv.ParseInt(field(t, string(info), "flags"), 8, 64)
			require.NoError(t, err)
			assert.Zero(t, flags&unix.O_NONBLOCK, "descriptor %s does not block", fd)
		}

		status, err := os.ReadFile(proc + "/status")
		require.NoError(t, err)
		for _, set := range []string{"SigBlk", "SigIgn"} {
			assert.Equal(t, "0000000000000000", field(t, string(status), set), set)
		}
		assert.Equal(t, "0022", field(t, string(status), "Umask"))

		limits, err := os.ReadFile(proc + "/limits")
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^Max open files +333 `, string(limits), "the runtime raises its own limit")

		pgid, err := unix.Getpgid(pid)
		require.NoError(t, err)
		sid, err := unix.Getsid(pid)
		require.NoError(t, err)
		assert.Equal(t, []int{pid, pid}, []int{pgid, sid})
	}
}

// startBlocked starts the daemon helper with every signal blocked that can be.
func startBlocked(t *testing.T, cmd *exec.Cmd, req helperRequest) helperAnswer {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, was unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	require.NoError(t, unix.PthreadSigmask(unix.SIG_BLOCK, &all, &was))
	defer func() { require.NoError(t, unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil)) }()
	ans, _ := askDaemon(t, cmd, req)
	return ans
}

func names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// requireBecomes waits until a process has executed the program.
func requireBecomes(t *testing.T, pid int, program string) {
	t.Helper()
	require.Eventually(t, func() bool {
		name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		return err == nil && string(name) == program+"\n"
	}, soon, time.Millisecond, "process %d is not %s", pid, program)
}

// field finds "name: value" in a file of /proc.
func field(t *testing.T, text, name string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %s in %q", name, text)
	return ""
}

func TestPrepareTakesItsUmaskBack(t *testing.T) {
	was := unix.Umask(0o077)
	defer unix.Umask(was)
	stop := Prepare()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	assert.Equal(t, "0022", field(t, string(status), "Umask"))
	stop()
	status, err = os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	assert.Equal(t, "0077", field(t, string(status), "Umask"))
}

func TestWaitingForManyCostsNoThreads(t *testing.T) {
	const many = 300
	few := 40 + runtime.GOMAXPROCS(0) // whose threads the runtime may start for itself at any time
	eachContainment(t, func(t *testing.T, trees *Trees) {
		before := threads(t)
		ended := make(chan int64, many)
		var all []*Process
		for range many {
			p := launch(t, trees, Spec{Argv: []string{"sleep", "1000"}, NoStdin: true})
			all = append(all, p)
			go func() {
				code, _, _, _ := p.Wait()
				ended <- code
			}()
		}
		assert.Less(t, threads(t)-before, few)
		for _, p := range all {
			require.NoError(t, p.Kill())
		}
		for range many {
			assert.Equal(t, int64(-1), <-ended)
		}
	})
}

func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	n, err := strconv.Atoi(field(t, string(status), "Threads"))
	require.NoError(t, err)
	return n
}

func TestSem28_ALeaderIsAZombieUntilReleaseAndNothingAfter(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		for range 20 {
			p := launch(t, trees, sh("exit 0"))
			_, _, _, err := p.Wait()
			require.NoError(t, err)
			s, err := readStat(p.Pid())
			require.NoError(t, err)
			assert.Equal(t, "Z", string(s.state))
			require.NoError(t, p.Release())
			require.NoError(t, p.Release())
			_, err = readStat(p.Pid())
			assert.ErrorIs(t, err, os.ErrNotExist)
		}
	})
}

func TestWaitWithoutPidfdsSaysTheSame(t *testing.T) {
	for line, want := range map[string]ending{
		"exit 7":     {code: 7},
		"kill -9 $$": {code: -1, signal: "KILL"},
	} {
		cmd := exec.Command("sh", "-c", "read line; "+line)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		l := blockedLeader{cmd.Process.Pid}
		assert.False(t, l.ended())
		require.NoError(t, in.Close())
		got, err := l.wait()
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.True(t, l.ended(), "still to be reaped")
		require.NoError(t, l.close())
		_ = cmd.Wait()
	}
	_, err := blockedLeader{os.Getpid()}.wait()
	assert.ErrorIs(t, err, unix.ECHILD)
}

func TestACoreIsTold(t *testing.T) {
	assert.Equal(t, ending{code: -1, signal: "SEGV", core: true}, endingOf(cldDumped, 11))
	assert.Equal(t, ending{code: -1, signal: "40"}, endingOf(cldKilled, 40), "a real-time signal is its number")
}

func TestBootAndStartTimeTellProcessesApart(t *testing.T) {
	assert.Regexp(t, `^[0-9a-f-]{36}$`, BootID())
	own, err := StartTime(os.Getpid())
	require.NoError(t, err)
	p := launch(t, nil, sh("exec sleep 1000"))
	its, err := StartTime(p.Pid())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, its, own)
	_, err = StartTime(1 << 30)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAProcessNameWithBracketsDoesNotFoolUs(t *testing.T) {
	name := t.TempDir() + "/a) Z 1 2 (b"
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(sleep, name))
	p := launch(t, nil, Spec{Argv: []string{name, "1000"}})
	s, err := readStat(p.Pid())
	require.NoError(t, err)
	assert.True(t, s.alive())
	assert.Equal(t, p.Pid(), s.session, fmt.Sprintf("%+v", s))
	assert.Equal(t, os.Getpid(), s.parent)
}
