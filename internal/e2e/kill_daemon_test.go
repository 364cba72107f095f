//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/platform"
)

// escape leaves a process that is in another session, with another parent and in another group than the command, and
// then the command goes on: it prints once all of that is so.
const escape = `: $(setsid sh -c 'sleep 301 >/dev/null & echo; exec >/dev/null; sleep 302' 2>/dev/null </dev/null &); `

func TestSem07_ADaemonKilledDuringACommandLeavesNothingAndTheOutcomeIsUnknown(t *testing.T) {
	p := start(t)
	cmd, status := p.withStatus("box", escape+`echo ready; sleep 300`)
	j := p.begin(cmd)
	j.says("ready")
	eventually(t, soon, func() bool { return len(p.tree()) >= 5 }, "two shells, three sleeps: %v", lazy(func() any { return p.tree() }))

	killed := time.Now()
	p.kill()
	o := j.wait(soon)
	assertWithin(t, time.Second, j.ended.Sub(killed), "the client notices")
	t.Logf("the client knew after %v", j.ended.Sub(killed))
	assert.Equal(t, 255, o.code)
	assert.Contains(t, o.stderr, "the outcome is unknown")
	s := status()
	assert.Equal(t, "unknown", s.Kind)
	assert.Equal(t, "unknown", s.ErrorClass)
	assert.Nil(t, s.Code)

	p.serve()
	p.nothingLeft()
	p.logs("ended what an earlier daemon left running")
	assert.Equal(t, outcome{stdout: "again\n"}, p.run(p.rexec("box", "echo again"), ""))
}

func TestSem07_ADaemonKilledAtAnyMomentOfAStartLeavesNothing(t *testing.T) {
	p := start(t)
	rng := rand.New(rand.NewPCG(7, 1))
	for range 4 {
		var jobs []*job
		for range 8 {
			jobs = append(jobs, p.begin(p.rexec("box", "sleep 300")))
		}
		time.Sleep(rand.N(time.Duration(20+rng.IntN(180)) * time.Millisecond)) // the moment is the test
		p.kill()
		for _, j := range jobs {
			assert.Equal(t, 255, j.wait(soon).code)
		}
		p.serve()
		p.nothingLeft()
	}
}

func TestSem07_ACommandKilledBetweenItsRecordAndItsStartIsFoundByItsEnvironment(t *testing.T) {
	p := start(t)
	p.kill()
	const id = "00112233445566778899aabbccddeeff"
	left := exec.Command("sleep", "300")
	left.Env = []string{platform.SessionVariable + "=" + id}
	left.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, left.Start())
	other := exec.Command("sleep", "300")
	other.Env = []string{platform.SessionVariable + "=" + strings.Repeat("0", 32)}
	require.NoError(t, other.Start())
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	record, err := json.Marshal(map[string]any{"ID": id, "BootID": platform.BootID(), "Cgroup": ""})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.state, "run", id), append(record, '\n'), 0o600))
	empty := filepath.Join(p.state, "run", "ffeeddccbbaa99887766554433221100") // killed before its first line
	require.NoError(t, os.WriteFile(empty, nil, 0o600))

	p.serve()
	var exit *exec.ExitError
	require.ErrorAs(t, left.Wait(), &exit)
	assert.Equal(t, "signal: killed", exit.Error())
	assert.True(t, alive(other.Process.Pid), "another session's")
	p.nothingLeft()
}

// TestSem07_ACommandThatLeftItsFolderAndItsNameIsFoundByItsLeader: su and login do both, with pam_systemd.
func TestSem07_ACommandThatLeftItsFolderAndItsNameIsFoundByItsLeader(t *testing.T) {
	p := start(t)
	leave := ""
	if hasCgroups() {
		trees := platform.NewTrees(platform.TreesOptions{})
		away := filepath.Join(filepath.Dir(trees.Folder("x")), "away-"+filepath.Base(t.TempDir())+fmt.Sprint(os.Getpid()))
		require.NoError(t, trees.Close())
		require.NoError(t, os.Mkdir(away, 0o755))
		t.Cleanup(func() { eventually(t, soon, func() bool { return os.Remove(away) == nil }, "%s is empty", away) })
		leave = "echo $$ > " + away + "/cgroup.procs; "
	}
	file := filepath.Join(t.TempDir(), "pid")
	j := p.begin(p.rexec("box", leave+fmt.Sprintf(`exec env -i sh -c 'echo $$ > %s; exec sleep 300'`, file)))
	pid := pidIn(t, file)
	defer reap(t, pid)
	p.recorded(pid)
	p.kill()
	assert.Equal(t, 255, j.wait(soon).code)
	p.serve()
	eventually(t, soon, func() bool { return !alive(pid) }, "%d is gone", pid)
	p.nothingLeft()
}

func TestSem07_WhatPolicyKeepsOutlivesTheDaemon(t *testing.T) {
	p := startLimited(t, `on_lost = "none"`)
	file := filepath.Join(t.TempDir(), "pid")
	j := p.begin(p.rexec("box", fmt.Sprintf("echo $$ > %s; exec sleep 300", file)))
	pid := pidIn(t, file)
	defer reap(t, pid)
	p.kill()
	assert.Equal(t, 255, j.wait(soon).code)
	p.serve()
	assert.True(t, alive(pid))
}

func TestSem27_TermWaitsForCommandsAndThenEndsThem(t *testing.T) {
	t.Parallel()
	p := start(t)
	long, status := p.withStatus("box", escape+`echo ready; sleep 300`)
	last := p.begin(long)
	last.says("ready")
	short := p.begin(p.rexec("box", "echo begun; sleep 1; seq 1 1000; exit 3"))
	short.says("begun")

	began := time.Now()
	require.NoError(t, p.daemon.Process.Signal(syscall.SIGTERM))
	eventually(t, time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, "nobody is let in")
	o := short.wait(soon)
	assert.Equal(t, 3, o.code, o.stderr)
	assert.True(t, strings.HasSuffix(o.stdout, "\n1000\n"))

	o = last.wait(10 * time.Second)
	assert.GreaterOrEqual(t, last.ended.Sub(began), 9500*time.Millisecond, "it had its time")
	assertWithin(t, 2*time.Second, last.ended.Sub(began)-10*time.Second, "and no more")
	assert.Equal(t, 255, o.code)
	assert.Contains(t, o.stderr, "shutting down")
	assert.Equal(t, "ended", status().Kind)
	require.NoError(t, p.daemon.Wait(), "exit 0")
	p.daemon = nil
	p.nothingLeft()
}

func TestSem27_TermWithoutCommandsEndsAtOnce(t *testing.T) {
	p := start(t)
	began := time.Now()
	p.stop() // exits 0
	assertWithin(t, time.Second, time.Since(began), "nothing to wait for, as for commands 10 s")
}
