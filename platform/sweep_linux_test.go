package platform

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// orphans starts a command under a daemon helper, kills that with -9, and
// gives what it recorded and the pids of the command's tree.
func orphans(t *testing.T, group bool, line string, lines int) (Remains, []int) {
	t.Helper()
	id := newID()
	spec := Spec{ID: id, Argv: []string{"sh", "-c", line}, Env: testEnv(SessionVariable + "=" + id)}
	ans, kill := askDaemon(t, exec.Command(testBinary(t)), helperRequest{Spec: spec, Group: group, Lines: lines})
	kill()
	pids := []int{ans.Remains.PID}
	for _, text := range ans.Output {
		pid, err := strconv.Atoi(text)
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	t.Cleanup(func() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if ans.Remains.Cgroup != "" {
			assert.Eventually(t, func() bool { return removeFolder(ans.Remains.Cgroup) }, soon, time.Millisecond)
		}
	})
	for _, pid := range pids {
		require.True(t, alive(pid), "the tree outlives its daemon")
	}
	return ans.Remains, pids
}

func sweepOne(r Remains) (int, error) {
	s := Sweep([]Remains{r})[0]
	return s.Killed, s.Err
}

func TestSem07_ASweepKillsWhatADeadDaemonLeft(t *testing.T) {
	for _, group := range []bool{true, false} {
		bystander := launch(t, nil, Spec{Argv: []string{"sleep", "1000"}, Env: testEnv(SessionVariable + "=test-other")})
		r, pids := orphans(t, group, escapes+"exec sleep 1000", 2)
		n, err := sweepOne(r)
		require.NoError(t, err)
		assert.Equal(t, 3, n)
		requireGone(t, pids...)
		assert.True(t, alive(bystander.Pid()))
		if r.Cgroup != "" {
			assert.NoDirExists(t, r.Cgroup)
		}
		n, err = sweepOne(r)
		require.NoError(t, err)
		assert.Zero(t, n)
	}
}

func TestSem07_ACommandWithoutItsMarkIsFoundByItsSession(t *testing.T) {
	r, pids := orphans(t, true, "env -i sleep 1000 & echo $!; exec env -i sleep 1000", 1)
	// Only sleep is without the mark; env has to become it first.
	for _, pid := range pids {
		require.Eventually(t, func() bool { return !carries(pid, SessionVariable+"="+r.ID) }, soon, time.Millisecond)
	}
	left := lookAround().of(r)
	require.Len(t, left, 2)
	assert.Equal(t, r.PID, left[1], "the leader, the proof, goes last")
	n, err := sweepOne(r)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	requireGone(t, pids...)
}

func TestSem07_WhatFellBeforeTheRecordIsFoundByItsMark(t *testing.T) {
	r, pids := orphans(t, true, escapes+"exec sleep 1000", 2)
	n, err := sweepOne(Remains{ID: r.ID, BootID: r.BootID})
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	requireGone(t, pids...)
}

func TestSem07_ASweepTouchesNobodyElse(t *testing.T) {
	other := launch(t, nil, sh("exec sleep 1000"))
	start, err := StartTime(other.Pid())
	require.NoError(t, err)
	for name, r := range map[string]Remains{
		"a reused pid":     {ID: "test-gone", BootID: BootID(), PID: other.Pid(), StartTime: start - 1},
		"an unknown start": {ID: "test-gone", BootID: BootID(), PID: other.Pid()},
		"another boot":     {ID: "test-gone", BootID: "another", PID: other.Pid(), StartTime: start},
		"a longer id":      {ID: "test", BootID: BootID()},
	} {
		n, err := sweepOne(r)
		require.NoError(t, err, name)
		assert.Zero(t, n, name)
	}
	for name, r := range map[string]Remains{
		"no id":                      {BootID: BootID(), PID: other.Pid(), StartTime: start},
		"another's folder":           {ID: "test-gone", BootID: BootID(), Cgroup: "/sys/fs/cgroup"},
		"a folder that is no cgroup": {ID: "test-gone", BootID: BootID(), Cgroup: t.TempDir() + "/rexec-test-gone"},
	} {
		if r.Cgroup != "" && r.Cgroup != "/sys/fs/cgroup" {
			require.NoError(t, os.Mkdir(r.Cgroup, 0o755))
		}
		_, err := sweepOne(r)
		assert.ErrorContains(t, err, "platform: sweep: ", name)
	}
	assert.True(t, alive(other.Pid()))
}

func TestSem07_ASweepNeverKillsItsCaller(t *testing.T) {
	id := newID()
	t.Setenv(SessionVariable, id) // what the process was started with counts, and that is not this
	n, err := sweepOne(Remains{ID: id, BootID: BootID()})
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.False(t, belongs(Remains{ID: id, PID: 1, StartTime: 1}, os.Getpid(), procStat{session: 1}))
}

func TestSem07_OneWalkFindsWhatAllCommandsLeft(t *testing.T) {
	const n = 60
	var all []Remains
	var pids []int
	for range n {
		id := newID()
		c := exec.Command("sleep", "1000")
		c.Env = []string{SessionVariable + "=" + id}
		require.NoError(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		pids = append(pids, c.Process.Pid)
		all = append(all, Remains{ID: id, BootID: BootID()})
	}
	all = append(all, Remains{BootID: BootID()}, Remains{ID: "x", BootID: "another"})
	answers := Sweep(all)
	require.Len(t, answers, n+2)
	for _, a := range answers[:n] {
		assert.Equal(t, Swept{Killed: 1}, a)
	}
	assert.Error(t, answers[n].Err)
	assert.Equal(t, Swept{}, answers[n+1])
	for _, pid := range pids {
		s, err := readStat(pid)
		assert.True(t, err != nil || !s.alive())
	}

	// How long the dying takes is the machine's business; the work for those who left nothing is one walk for all.
	var none []Remains
	for range 10 * n {
		none = append(none, Remains{ID: newID(), BootID: BootID()})
	}
	walks := spent(t, func() {
		for range 10 {
			lookAround()
		}
	})
	took := spent(t, func() { Sweep(none) })
	t.Logf("%d commands: %v, ten walks: %v", len(none), took, walks)
	assert.Less(t, took, n/4*walks, "not a walk for each")
}

// spent is the processor time that f takes of this process.
func spent(t *testing.T, f func()) time.Duration {
	t.Helper()
	var before, after unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &before))
	f()
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &after))
	return time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
}
