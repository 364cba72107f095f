//go:build unix

package platform

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onTerminal is a line of shell with a terminal of 200 by 60.
func onTerminal(line string, args ...string) Spec {
	spec := sh(line, args...)
	spec.Terminal = &Terminal{Rows: 60, Cols: 200}
	return spec
}

// shown is all that a command prints on its terminal, with the terminal's \r\n as \n.
func shownBy(t *testing.T, p *Process) string {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _, _, _ = p.Wait()
	}()
	out, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	<-ended
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func TestACommandOnATerminalLeadsItsSession(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		spec := onTerminal(`tty; echo "$NAME"; ps -o pid=,sid=,pgid=,tpgid= -p $$ | tr -s ' ' '\n' | sort -u | grep -c .
			test -t 0 && test -t 1 && test -t 2 && echo all; : >/dev/tty && echo controls`)
		spec.Terminal.Variable = "NAME"
		p := launch(t, trees, spec)
		assert.Nil(t, p.Stderr())
		got := strings.Fields(shownBy(t, p))
		require.Len(t, got, 5)
		assert.Regexp(t, "^/dev/", got[0])
		assert.Equal(t, got[0], got[1], "the variable names the terminal")
		assert.Equal(t, "1", got[2], "leader of session, group and foreground")
		assert.Equal(t, []string{"all", "controls"}, got[3:])
	})
}

func TestSem29_TheFirstPromptHasSizeAndModes(t *testing.T) {
	for _, c := range []struct {
		rows, cols uint16
		want       string
	}{{60, 200, "60 200"}, {0, 0, "24 80"}, {0, 100, "24 100"}, {65535, 65535, "10000 10000"}, {1, 1, "1 1"}} {
		spec := onTerminal("stty size")
		spec.Terminal.Rows, spec.Terminal.Cols = c.rows, c.cols
		assert.Equal(t, c.want+"\n", shownBy(t, launch(t, nil, spec)))
	}
	spec := onTerminal("stty -a")
	spec.Terminal.Modes = map[uint8]uint32{
		1: 2, 3: 8, 5: 255, 38: 0, 42: 1, 53: 0, 90: 1, 91: 1, 93: 1, 129: 9600, 128: 9600,
		0: 1, 99: 1, 127: 7, 200: 1, // nobody's
	}
	said := shownBy(t, launch(t, nil, spec))
	for _, want := range []string{"speed 9600 baud", "intr = ^B", "erase = ^H", "eof = <undef>", " -ixon", " iutf8", "-echo ", "cs8", " parodd", " icanon"} {
		assert.Contains(t, said, want)
	}
}

func TestSem29_AResizeIsFollowedAndClamped(t *testing.T) {
	// No shell: one that gets the signal just before it waits for input, or within its trap, may never come to it.
	spec := onTerminal("")
	spec.Argv, spec.Env = []string{testBinary(t)}, testEnv(helperVariable+"=sizes")
	p := launch(t, nil, spec)
	out := bufio.NewScanner(p.Stdout())
	next := func() string {
		require.True(t, out.Scan(), out.Err())
		return strings.TrimSpace(out.Text())
	}
	require.Equal(t, "ready", next())
	for _, c := range []struct {
		rows, cols uint16
		want       string
	}{{30, 100, "30 100"}, {0, 0, ""}, {0, 90, "30 90"}, {65535, 65535, "10000 10000"}} {
		require.NoError(t, p.Resize(c.rows, c.cols, 0, 0))
		if c.want != "" {
			assert.Equal(t, c.want, next())
		}
	}
	require.NoError(t, p.Kill())
	_, _, _, err := p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	assert.NoError(t, p.Resize(1, 1, 0, 0), "there is nobody to tell")
	assert.NoError(t, launch(t, nil, sh("true")).Resize(1, 1, 0, 0), "pipes have no size")
}

func TestATerminalOutlivesTheEndOfItsInput(t *testing.T) {
	p := launch(t, nil, onTerminal("stty -echo; echo ready; read a; echo got $a; read b || echo end; sleep 60"))
	out := bufio.NewReader(p.Stdout())
	line := func() string {
		s, err := out.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(s)
	}
	require.Equal(t, "ready", line())
	_, err := io.WriteString(p.Stdin(), "x\n")
	require.NoError(t, err)
	assert.Equal(t, "got x", line())
	require.NoError(t, p.Stdin().Close())
	_, err = io.WriteString(p.Stdin(), "y\n")
	assert.ErrorIs(t, err, syscall.EPIPE)
	assert.NoError(t, p.Resize(10, 10, 0, 0), "the terminal is open")
	require.NoError(t, p.Stdout().SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = out.ReadByte()
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "read still waits")
	assert.True(t, alive(p.Pid()))
	// Its sleep: the kernel ends read(2) before it sends HUP (pty_close), and a shell with nothing left to do may be faster.
	require.NoError(t, p.Stdout().Close())
	_, signal, _, err := p.Wait()
	require.NoError(t, err)
	assert.Equal(t, "HUP", signal, "closing the output hangs up")
}

// TestAWaitingWriteEndsWithClose: nobody reads what was typed, until the terminal takes no more.
func TestAWaitingWriteEndsWithClose(t *testing.T) {
	p := launch(t, nil, onTerminal("stty raw -echo; echo ready; sleep 60"))
	_, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := p.Stdin().Write(make([]byte, 1<<20))
		done <- err
	}()
	time.Sleep(50 * time.Millisecond) // it may be waiting by now; if not, it must not begin to
	require.NoError(t, p.Stdin().Close())
	select {
	case err := <-done:
		assert.ErrorIs(t, err, syscall.EPIPE)
	case <-time.After(soon):
		t.Fatal("Write still waits")
	}
}

func TestSem32_EveryByteBeforeTheEndOfATerminal(t *testing.T) {
	for _, size := range []int{0, 1, 2, 100, 20001, 41234} {
		file := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("x", size)), 0o600))
		for range 20 {
			require.Len(t, shownBy(t, launch(t, nil, onTerminal(`cat "$1"`, file))), size)
		}
	}
}

// TestACommandThatClosesItsTerminalHasNotEnded: nobody has the terminal open for a while, and its output goes on later.
func TestACommandThatClosesItsTerminalHasNotEnded(t *testing.T) {
	p := launch(t, nil, onTerminal("echo a; exec </dev/null >/dev/null 2>&1; sleep 0.1; echo b >/dev/tty; sleep 0.1"))
	assert.Equal(t, "a\nb\n", shownBy(t, p))
	code, signal, _, err := p.Wait()
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Empty(t, signal, "it was not hung up")
}

// TestPendingOfATerminalIsAllThatWasPrinted: the kernel counts only part of it, and a job in the background keeps the
// end of the output from coming.
func TestPendingOfATerminalIsAllThatWasPrinted(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 9000} {
		p := launch(t, nil, onTerminal(`stty -opost; trap '' HUP; setsid sleep 60 & head -c $1 /dev/zero`, itoa(uint32(size))))
		_, _, _, err := p.Wait()
		require.NoError(t, err)
		n, err := p.Stdout().Pending()
		require.NoError(t, err)
		assert.Equal(t, size, n)
		b := make([]byte, size+1)
		got := 0
		for got < size {
			n, err := p.Stdout().Read(b[got:])
			require.NoError(t, err)
			got += n
		}
		assert.Equal(t, size, got)
		require.NoError(t, p.Stdout().SetReadDeadline(time.Now().Add(100*time.Millisecond))) // a time that is over answers before a source that ended
		_, err = p.Stdout().Read(b)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "the job still has it open")
		require.NoError(t, p.Kill())
	}
}

func TestTerminateHangsUpATerminalsTree(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		// bash, because dash loses a signal that comes while it starts a command.
		spec := onTerminal("")
		spec.Argv = []string{"bash", "-c", `trap '' TERM; set -m; sleep 60 & sleep 60 & sleep 0.1; kill -STOP $!; trap 'exit 7' HUP
			echo ready; while :; do sleep 0.01; done`}
		p := launch(t, trees, spec)
		out := bufio.NewScanner(p.Stdout())
		for out.Scan() && !strings.Contains(out.Text(), "ready") { // bash tells of its stopped job
		}
		require.NoError(t, out.Err())
		require.GreaterOrEqual(t, p.Survivors(), 2)
		require.NoError(t, p.Terminate())
		code, _, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(7), code)
		require.Eventually(t, func() bool { return p.Survivors() == 0 }, soon, time.Millisecond, "the stopped one goes too")
	})
}

func TestKillForegroundLeavesTheRest(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		// The shell and its job in front ignore the hang-up; behind are a job and one with a session of its own.
		p := launch(t, trees, onTerminal(`trap '' HUP; set -m; sleep 60 & echo behind $!; setsid sh -c 'echo away $$; sleep 60' &
			sh -c 'echo front $$; exec sleep 60'`))
		pids := map[string]int{} // in any order
		for out := bufio.NewScanner(p.Stdout()); len(pids) < 3 && out.Scan(); {
			name, number, _ := strings.Cut(out.Text(), " ")
			pid, err := strconv.Atoi(number)
			require.NoError(t, err, out.Text())
			pids[name] = pid
		}
		behind, away, front := pids["behind"], pids["away"], pids["front"]
		require.NotContains(t, []int{behind, away, front}, 0)
		require.Eventually(t, func() bool { return p.term.inForeground() == front }, soon, time.Millisecond)
		require.NoError(t, p.Stdout().Close())
		assert.True(t, alive(front), "HUP is ignored")
		assert.True(t, alive(p.Pid()))
		require.NoError(t, p.KillForeground())
		requireGone(t, p.Pid(), front)
		assert.True(t, alive(behind))
		assert.True(t, alive(away))
		require.NoError(t, p.Kill())
		_, _, _, err := p.Wait()
		require.NoError(t, err)
		for _, pid := range []int{behind, away} {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		requireGone(t, behind, away)
	})
}

func TestATerminalIsItsUsersOwn(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Log("another user needs root")
		return
	}
	spec := onTerminal(`stat -L -c '%U %a' "$(tty)"; : >"$(tty)" && echo mine; id -u`)
	u, err := new(Users).Lookup("nobody")
	require.NoError(t, err)
	spec.User, spec.Dir = &u, "/"
	got := strings.Fields(shownBy(t, launch(t, nil, spec)))
	require.Len(t, got, 4)
	assert.Equal(t, "nobody", got[0])
	want := "600"
	if b, err := os.ReadFile(groupFile); err == nil {
		if _, ok := groupID(string(b), "tty"); ok {
			want = "620"
		}
	}
	assert.Equal(t, want, got[1])
	assert.Equal(t, []string{"mine", itoa(u.UID)}, got[2:])
}

func TestGroupIDReadsTheFirstLineOfAName(t *testing.T) {
	const text = "root:x:0:\nttys:x:7:\ntty:x:bad:\ntty:x:5:me\ntty:x:6:\n"
	id, ok := groupID(text, "tty")
	assert.True(t, ok)
	assert.Equal(t, uint32(5), id)
	_, ok = groupID(text, "none")
	assert.False(t, ok)
}
