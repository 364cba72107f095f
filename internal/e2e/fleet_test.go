//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patient is for a daemon that is more hosts than may be in the handshake: whoever gets no byte of it for two seconds
// leaves the window, so that on a slow machine more than a window may knock at once.
const patient = "unproved_per_source = 256"

// TestSem55_FiveHundredHostsAreEachToldTheTruthOf compares host by host: where it ran, what it said, how it ended.
func TestSem55_FiveHundredHostsAreEachToldTheTruthOf(t *testing.T) {
	p := start(t, patient)
	const count = 500
	p.row(count)
	o := p.run(p.rexec("--json", fmt.Sprintf("n[001-%d]", count), `set -- $SSH_CONNECTION; cat; echo "%h %n $3"; exit $((%n % 3))`), "to all\n")
	all := events(t, o.stdout)
	assert.Equal(t, 1, o.code)
	require.Len(t, all.ends, count)
	var ok, failed int
	for n := 1; n <= count; n++ {
		name := fmt.Sprintf("n%03d", n)
		assert.Equal(t, []string{"to all", fmt.Sprintf("%s %d %s", name, n, addressOf(n))}, all.lines[name])
		end := all.ends[name]
		if assert.NotNil(t, end.Code, name) {
			assert.Equal(t, int64(n%3), *end.Code, name)
		}
		if n%3 == 0 {
			ok++
			assert.Equal(t, "ok", end.State, name)
		} else {
			failed++
			assert.Equal(t, "failed", end.State, name)
		}
	}
	assert.Regexp(t, fmt.Sprintf(`(?m)^rexec: ok %d: n\[003,006,009,`, ok), o.stderr)
	assert.Regexp(t, fmt.Sprintf(`(?m)^rexec: failed %d: n\[001,004,.*\] \(exit 1\), n\[002,005,.*\] \(exit 2\)$`, failed), o.stderr)

	o = p.run(p.rexec("--fold", "-n", fmt.Sprintf("n[001-%d]", count), "true"), "")
	assert.Equal(t, fmt.Sprintf("rexec: ok %d: n[001-%d]\n", count, count), o.stderr)
	assert.Zero(t, o.code)
	p.nothingLeft()
}

func TestSem57_TwiceEndsAllOfItThereToo(t *testing.T) {
	p := start(t)
	p.row(12)
	dir := t.TempDir()
	away := "setsid"
	if !hasCgroups() { // there it escapes
		away = ""
	}
	cmd := p.rexec("n[001-012]", fmt.Sprintf("trap '' INT TERM; %s sleep 300 & echo $! >%s/%%h; echo up; sleep 300", away, dir))
	out, errs := &syncBuffer{}, &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, errs
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	eventually(t, soon, func() bool { return strings.Count(out.String(), "up\n") == 12 }, "all are up: %s%s", out, errs)
	asks := func() { require.NoError(t, cmd.Process.Signal(os.Interrupt)) }
	whoRuns(t, asks, errs.String, "rexec: 12 hosts running: n[001-012]")
	time.Sleep(1100 * time.Millisecond) // more than a second: another question
	whoRuns(t, asks, errs.String, "rexec: 12 hosts running: n[001-012]")
	assert.NotContains(t, errs.String(), "ending all")
	endAll(t, asks, errs.String)
	_ = cmd.Wait()
	assert.True(t, cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(), "so that a shell's loop stops")
	assert.Contains(t, errs.String(), "rexec: interrupted 12: n[001-012]\n")
	for n := 1; n <= 12; n++ {
		pid := pidIn(t, filepath.Join(dir, fmt.Sprintf("n%03d", n)))
		eventually(t, time.Second, func() bool { return !alive(pid) }, "what the command started in a session of its own is gone too")
	}
	p.nothingLeft()
}

func TestSem54_LinesOfManyAreNeverMixed(t *testing.T) {
	p := start(t)
	p.row(20)
	o := p.run(p.rexec("-n", "n[001-020]", `i=0; while [ $i -lt 200 ]; do printf '%h '; echo "line $i"; i=$((i+1)); done; printf 'the last'`), "")
	require.Zero(t, o.code, o.stderr)
	next := map[string]int{}
	for line := range strings.Lines(o.stdout) {
		name, rest, _ := strings.Cut(line, ": ")
		want := fmt.Sprintf("%s line %d\n", name, next[name])
		if next[name] == 200 {
			want = "the last\n"
		}
		require.Equal(t, want, rest)
		next[name]++
	}
	assert.Len(t, next, 20)
	for name, n := range next {
		assert.Equal(t, 201, n, name)
	}
}

func TestManyAreFedByOneStdinAndWriteWholeFiles(t *testing.T) {
	p := start(t, patient)
	p.row(70) // more than the window
	dir := t.TempDir()
	data := strings.Repeat("0123456789abcdef\xff\x00\r\n", 50_000)
	o := p.run(p.rexec("--out", dir, "n[001-070]", "cat; cksum /dev/null >&2"), data)
	require.Zero(t, o.code, o.stderr)
	assert.Empty(t, o.stdout)
	for n := 1; n <= 70; n++ {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("n%03d.out", n)))
		require.NoError(t, err)
		require.True(t, string(got) == data, "n%03d", n)
		said, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("n%03d.err", n)))
		require.NoError(t, err)
		require.Equal(t, "4294967295 0 /dev/null\n", string(said))
	}
}

// TestGigabytesThatAreFoldedCostNoMemory lets hosts say more than there may be in memory, all the same and all different.
func TestGigabytesThatAreFoldedCostNoMemory(t *testing.T) {
	p := start(t)
	p.row(8)
	const most = 100 << 20
	for _, line := range []string{"head -c 25000000 /dev/zero | tr '\\0' x", "yes %h.................... | head -c 8000000"} {
		cmd := p.rexec("--fold", "-n", "n[001-008]", line)
		cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
		wc := exec.Command("wc", "-c")
		var err error
		wc.Stdin, err = cmd.StdoutPipe()
		require.NoError(t, err)
		var sum syncBuffer
		wc.Stdout = &sum
		require.NoError(t, wc.Start())
		require.NoError(t, cmd.Start())
		peak := peakOf(cmd.Process.Pid)
		require.NoError(t, cmd.Wait())
		require.NoError(t, wc.Wait())
		assert.Greater(t, atoi(t, sum.String()), 25_000_000)
		had := <-peak
		t.Logf("at most %d MiB", had>>20)
		assert.Less(t, had, most)
	}
}

// peakOf watches the most memory that a process had, until it is gone. getrusage(2) does not say it: a child's figure
// begins at its parent's.
func peakOf(pid int) <-chan int {
	peak := make(chan int, 1)
	go func() {
		most := 0
		for {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, found := strings.Cut(string(text), "VmHWM:")
			if err != nil || !found { // gone, or a zombie
				peak <- most
				return
			}
			var kib int
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				most = max(most, kib<<10)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return peak
}

func TestAReaderThatLeavesEndsAllQuickly(t *testing.T) {
	p := start(t)
	p.row(30)
	cmd := p.rexec("-n", "--fanout", "5", "n[001-030]", "yes")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs syncBuffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, out.Close())
	within(t, soon, func() { _ = cmd.Wait() })
	assert.Equal(t, 1, cmd.ProcessState.ExitCode(), "not killed: %s", &errs)
	// On a busy machine a host may answer so late that the next one has its place.
	assert.Regexp(t, `(?m)^rexec: not started 2\d: n\[.*-030\]$`, errs.String())
	p.nothingLeft()
}

// TestRetryFailedForgetsNoHostOfWhoWasKilled kills the client in the middle.
func TestRetryFailedForgetsNoHostOfWhoWasKilled(t *testing.T) {
	p := start(t)
	p.row(6)
	file := filepath.Join(t.TempDir(), "failed")
	cmd := p.rexec("-n", "--retry-failed", file, "--fanout", "2", "n[001-006]", "echo up; sleep 60")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "n[001-006]\n", string(text))
	o := p.run(p.rexec("-n", "--retry-failed", file, "n[001-006]", "[ %n != 3 ]"), "")
	assert.Equal(t, 1, o.code)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "n003\n", string(text))
	o = p.run(p.rexec("-n", "--retry-failed", file, "n[001-002]", "echo up"), "")
	assert.Zero(t, o.code)
	assert.Equal(t, "", o.stdout)
	assert.Equal(t, "rexec: "+file+": none of these hosts is left there, only n003; to begin anew, remove the file\n", o.stderr,
		"n003 was never ok")
	p.nothingLeft()
}

// One administrator's fan-out is never slowed: two of them at once, from one address, on one daemon.
func TestAFanOutFromOneAddressIsNeverThrottled(t *testing.T) {
	p := start(t)
	p.row(120)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			o := p.run(p.rexec("-n", "--fanout", "24", "n[001-120]", "true"), "")
			assert.Zero(t, o.code, o.stderr)
		})
	}
	both.Wait()
}
