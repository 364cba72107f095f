//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/policy"
)

func TestSem09_TheVerdictNeverOvertakesATerminalsOutput(t *testing.T) {
	cfg := daemon(t, steady(nil))
	eachOf(4, 250, func(i int, c *client.Client) {
		out, v, err := shown(c, "head -c 100000 /dev/zero; exit 7")
		assert.NoError(t, err)
		assert.Len(t, out, 100000)
		assert.Equal(t, int64(7), v.Code) // v.Held may be a command beside it that is just being started
	}, cfg)
}

// eachOf runs f n times in each of workers, which have a connection each.
func eachOf(workers, n int, f func(i int, c *client.Client), cfg client.Config) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			c := client.New(cfg)
			defer c.Close()
			for i := range n {
				f(i, c)
			}
		})
	}
	wg.Wait()
}

func TestSem32_EveryByteOfAFileComesThroughATerminal(t *testing.T) {
	cfg := daemon(t, steady(nil))
	for _, size := range []int{0, 1, 2, 100, 20001, 41234} {
		file := fileOf(t, size)
		eachOf(2, 100, func(_ int, c *client.Client) {
			out, v, err := shown(c, "cat "+file)
			assert.NoError(t, err)
			assert.Len(t, out, size)
			assert.Equal(t, frame.Exited, v.Kind)
			assert.Zero(t, v.Code)
		}, cfg)
	}
}

// TestSem32_WhoKeepsATerminalOpenHoldsNoVerdictBack: neither for a reader that takes its time nor for one that prints on
// is anything lost that was printed before the command ended.
func TestSem32_WhoKeepsATerminalOpenHoldsNoVerdictBack(t *testing.T) {
	cfg := daemon(t, steady(nil))
	for _, behind := range []string{"sleep 300", "while :; do echo more; done"} {
		for _, size := range []int{0, 1, 4096, 41234} {
			file := fileOf(t, size)
			pidFile := filepath.Join(t.TempDir(), "pid")
			c := client.New(cfg)
			cmd := c.Shell(context.Background(), fmt.Sprintf(`stty -opost; setsid sh -c 'echo $$ >%[1]s; %[2]s' & while [ ! -s %[1]s ]; do :; done; cat %[3]s; exit 3`,
				pidFile, behind, file))
			cmd.Terminal, cmd.Linger = terminal(24, 80), client.LingerForever
			out := &lazyWriter{wait: 200 * time.Millisecond}
			cmd.Stdout = out
			began := time.Now()
			var exit *client.ExitError
			require.ErrorAs(t, cmd.Run(), &exit)
			assertWithin(t, soon, time.Since(began), "nobody is waited for")
			v := exit.Result.Verdict
			assert.Equal(t, int64(3), v.Code)
			assert.Equal(t, frame.HeldOut, v.Held)
			assert.Equal(t, size, strings.Count(out.String(), "x"))
			assert.NotZero(t, v.Survivors)
			reap(t, pidIn(t, pidFile))
			require.NoError(t, c.Close())
		}
	}
}

// lazyWriter takes its time before the first byte.
type lazyWriter struct {
	wait time.Duration
	once sync.Once
	bytes.Buffer
}

func (w *lazyWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { time.Sleep(w.wait) })
	return w.Buffer.Write(p)
}

func TestSem33_AMebibytePastedIntoAnEchoIsAllThere(t *testing.T) {
	dir := t.TempDir()
	y := sit(t, "echo ready; tee "+dir+"/pasted; exit 5", nil, nil)
	y.shows("ready")
	var paste strings.Builder
	for i := 0; paste.Len() < 1<<20; i++ {
		fmt.Fprintf(&paste, "%07d %s\n", i, strings.Repeat("p", i%3500))
	}
	began := time.Now()
	y.types(paste.String())
	y.types("\x04")
	r, err := y.result(10 * time.Second)
	require.NoError(t, err)
	t.Logf("pasted in %v, %d bytes came back", time.Since(began), r.Out)
	assert.Equal(t, int64(5), r.Verdict.Code)
	got, err := os.ReadFile(filepath.Join(dir, "pasted"))
	require.NoError(t, err)
	assert.Equal(t, sha256.Sum256([]byte(paste.String())), sha256.Sum256(got), "%d bytes of %d", len(got), paste.Len())
	assert.Greater(t, r.Out, uint64(paste.Len()), "the echo comes on top")
}

func TestSem33_AFloodStopsAndGoesOn(t *testing.T) {
	enough := filepath.Join(t.TempDir(), "enough") // until then it floods, however late it is stopped
	y := sit(t, "stty -opost -echo; echo ready; i=0; until [ -e "+enough+" ]; do seq $((i+1)) $((i+10000)); i=$((i+10000)); done; exit 6", nil, nil)
	y.shows("ready")
	y.types("\x13")
	var stopped int
	eventually(t, soon, func() bool { // nothing more comes for ten looks in a row
		was := stopped
		for range 10 {
			time.Sleep(tick)
			if stopped = len(y.out.String()); stopped != was {
				return false
			}
		}
		return true
	}, "the flood stops")
	assert.True(t, alive(int(y.cmd.Info().Pid)), "it is stopped, not over")
	require.NoError(t, os.WriteFile(enough, nil, 0o600))
	y.types("\x11")
	r, err := y.result(soon)
	require.NoError(t, err)
	assert.Equal(t, int64(6), r.Verdict.Code)
	var want strings.Builder
	want.WriteString("ready\n")
	all := strings.Count(y.out.String(), "\n") - 1
	for i := range all {
		want.WriteString(strconv.Itoa(i+1) + "\n")
	}
	assert.Zero(t, all%10000, "the last piece is whole")
	assert.Greater(t, want.Len(), stopped, "it was stopped in the middle")
	assert.True(t, want.String() == y.out.String(), "not a byte is missing")
}

func TestSem29_SizeAndModesAreThereBeforeTheFirstPrompt(t *testing.T) {
	cfg := daemon(t, steady(nil))
	c := client.New(cfg)
	defer c.Close()
	for _, s := range []struct {
		size frame.Size
		want string
	}{{frame.Size{Rows: 60, Cols: 200}, "60 200"}, {frame.Size{}, "24 80"}, {frame.Size{Rows: 65535, Cols: 65535}, "10000 10000"}} {
		var out bytes.Buffer
		cmd := c.Shell(context.Background(), `echo "$TERM $(stty size) $(stty -a | grep -o 'intr = ...') $SSH_TTY $(tty)"`)
		cmd.Terminal = &frame.Terminal{Term: "vt220", Size: s.size, Modes: map[uint8]uint32{1: 2}}
		cmd.Stdout = &out
		require.NoError(t, cmd.Run())
		f := strings.Fields(out.String())
		require.Len(t, f, 8, out.String())
		assert.Equal(t, "vt220 "+s.want+" intr = ^B;", strings.Join(f[:6], " "))
		assert.Equal(t, f[6], f[7])
	}
}

func TestSem29_ResizesAreFollowedAndClamped(t *testing.T) {
	y := sit(t, "trap 'echo now $(stty size)' WINCH; echo ready; while :; do sleep 0.02; done", nil, nil)
	y.shows("ready")
	for _, s := range []struct {
		size frame.Size
		want string
	}{{frame.Size{Rows: 30, Cols: 100}, "now 30 100"}, {frame.Size{Cols: 90}, "now 30 90"}, {frame.Size{Rows: 65535, Cols: 65535}, "now 10000 10000"}} {
		require.NoError(t, y.cmd.Resize(s.size))
		y.shows(s.want)
	}
	for i := range uint16(1000) { // they coalesce, and the last one counts
		require.NoError(t, y.cmd.Resize(frame.Size{Rows: i%50 + 1, Cols: 77}))
	}
	require.NoError(t, y.cmd.Resize(frame.Size{Rows: 41, Cols: 42}))
	y.shows("now 41 42")
	require.NoError(t, y.cmd.Cancel(frame.CancelUser))
	_, err := y.result(soon)
	require.NoError(t, err)
}

func TestSem24_OnATerminalControlCIsAByte(t *testing.T) {
	y := sit(t, "trap 'echo interrupted' INT; cat; echo after; exit 9", nil, nil)
	y.types("copied\n")
	y.shows("copied\r\ncopied\r\n") // as the terminal there echoes it, and then cat, which must be there to be interrupted
	y.types("\x03")
	r, err := y.result(soon)
	require.NoError(t, err)
	assert.Contains(t, y.out.String(), "interrupted")
	assert.Contains(t, y.out.String(), "after")
	assert.Equal(t, int64(9), r.Verdict.Code)
}

// TestATerminalHasNoEndOfInputButItsCharacter: as with ssh -tt </dev/null, the end of the client's input ends nothing.
func TestATerminalHasNoEndOfInputButItsCharacter(t *testing.T) {
	y := sit(t, "echo ready; cat; echo after", nil, nil)
	y.shows("ready")
	y.types("typed\n")
	require.NoError(t, y.in.Close())
	time.Sleep(100 * time.Millisecond)
	assert.True(t, alive(int(y.cmd.Info().Pid)))
	assert.NotContains(t, y.out.String(), "after")
	require.NoError(t, y.cmd.Cancel(frame.CancelUser))
	_, err := y.result(soon)
	require.NoError(t, err)

	y = sit(t, "echo ready; cat; echo after", nil, nil)
	y.shows("ready")
	y.types("typed\n\x04")
	_, err = y.result(soon)
	require.NoError(t, err)
	assert.Contains(t, y.out.String(), "after")
}

func TestSem48_AKeyWithoutTerminalGetsNone(t *testing.T) {
	cfg := daemon(t, steady(limited(func(k *policy.Key) { k.NoTerminal = true })))
	c := client.New(cfg)
	defer c.Close()
	for _, line := range []string{"", "true"} {
		cmd := c.Shell(context.Background(), line)
		cmd.Terminal = terminal(24, 80)
		var no *client.RefusedError
		require.ErrorAs(t, cmd.Run(), &no)
		assert.Contains(t, no.Reason, "may not use a terminal")
	}
	require.NoError(t, c.Shell(context.Background(), "true").Run())
}

// TestSem35_AThousandTerminalsCostNoThousandThreads: and none is left of them, neither process, zombie, descriptor nor
// terminal.
func TestSem35_AThousandTerminalsCostNoThousandThreads(t *testing.T) {
	const terminals, connections = 1000, 10
	p := start(t, "sessions = 2000", "sessions_per_key = 2000")
	count := func(what string) int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", p.daemon.Process.Pid, what))
		require.NoError(t, err)
		return len(entries)
	}
	descriptors := count("fd")
	began := time.Now()
	var cmds []*client.Cmd
	for range connections {
		c := client.New(p.dial())
		t.Cleanup(func() { _ = c.Close() })
		for range terminals / connections {
			cmd := c.Command(context.Background(), "cat")
			cmd.Terminal = terminal(24, 80)
			cmd.Stdout, cmd.Stdin = &syncBuffer{}, strings.NewReader("hello\n")
			require.NoError(t, cmd.Start())
			cmds = append(cmds, cmd)
		}
	}
	for _, cmd := range cmds {
		eventually(t, 10*time.Second, func() bool { return strings.Count(cmd.Stdout.(*syncBuffer).String(), "hello") == 2 }, "echo and cat")
	}
	threads := count("task")
	t.Logf("%d terminals after %v: %d threads, %d descriptors more", terminals, time.Since(began), threads, count("fd")-descriptors)
	assert.Less(t, threads, terminals/4, "what starts at the same time costs some")
	for _, cmd := range cmds {
		require.NoError(t, cmd.Signal("TERM"))
	}
	for _, cmd := range cmds {
		var exit *client.ExitError
		require.True(t, errors.As(cmd.Wait(), &exit))
		assert.Equal(t, "TERM", exit.Result.Verdict.Signal)
	}
	p.nothingLeft()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", p.daemon.Process.Pid))
	if err == nil {
		assert.Empty(t, strings.TrimSpace(string(children)), "no zombies")
	}
}
