package platform

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// escapes starts one process that has forked twice and left the session, and
// one that has not; it says both pids, in any order.
const escapes = `(setsid sh -c 'echo $$; exec sleep 1000' &); sleep 1000 & echo $!; `

func TestSem25_KillEndsTheTree(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		id := newID()
		spec := sh(escapes + "wait")
		spec.ID, spec.Env = id, testEnv(SessionVariable+"="+id)
		p := launch(t, trees, spec)
		pids := numbers(t, p.Stdout(), 2)
		var inGroup []int
		for _, pid := range pids {
			if inSession(pid, p.Pid()) {
				inGroup = append(inGroup, pid)
			}
		}
		require.Len(t, inGroup, 1)
		require.NoError(t, p.Kill())
		code, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(-1), code)
		assert.Equal(t, "KILL", signal)
		if p.Containment() == "cgroup" {
			requireGone(t, pids...)
			assert.Zero(t, p.Survivors())
			return
		}
		requireGone(t, inGroup...)
		assert.Equal(t, 1, p.Survivors(), "what has left the group is reported")
		killStrays(t, pids)
	})
}

// killStrays ends what a process group could not.
func killStrays(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	requireGone(t, pids...)
}

func TestSem25_TerminateAsksTheWholeTree(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh(`trap 'exit 5' TERM; `+escapes+`while :; do sleep 0.01; done`))
		pids := numbers(t, p.Stdout(), 2)
		// Between fork and exec a child still has the shell's trap, and loses TERM.
		for _, pid := range pids {
			requireBecomes(t, pid, "sleep")
		}
		code, _ := endedBy(t, p, p.Terminate)
		assert.Equal(t, int64(5), code)
		if p.Containment() == "group" {
			killStrays(t, pids)
		}
		requireGone(t, pids...)
	})
}

func TestSem25_JobsOfAnInteractiveShellDieToo(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, Spec{Argv: []string{"bash", "-c", "set -m; sleep 1000 & echo $!; sleep 1000 & echo $!; wait"}})
		pids := numbers(t, p.Stdout(), 2)
		for _, pid := range pids {
			pgid, err := unix.Getpgid(pid)
			require.NoError(t, err)
			require.Equal(t, pid, pgid, "a job is a group of its own")
		}
		assert.Equal(t, 2, p.Survivors())
		require.NoError(t, p.Kill())
		requireGone(t, pids...)
	})
}

func TestSem25_ATreeThatForksWhileItIsKilledDies(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh(`f() { while :; do sleep 1000 & sleep 0.001; done; }; f & f & echo 1; wait`))
		numbers(t, p.Stdout(), 1)
		require.Eventually(t, func() bool { return p.Survivors() > 20 }, soon, time.Millisecond)
		require.NoError(t, p.Kill())
		require.Eventually(t, func() bool { return p.Survivors() == 0 }, soon, time.Millisecond)
	})
}

func TestSem25_AfterANormalEndTheRestLivesOn(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("nohup sleep 1000 >/dev/null 2>&1 & echo $!"))
		pids := numbers(t, p.Stdout(), 1)
		_, _, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, 1, p.Survivors())
		require.NoError(t, p.Release())
		assert.True(t, alive(pids[0]))

		for _, end := range []error{p.Kill(), p.Terminate(), p.Signal("KILL")} {
			assert.ErrorIs(t, end, os.ErrProcessDone, "no signal is sent after Release")
		}
		assert.True(t, alive(pids[0]))
		if dir := p.Cgroup(); dir != "" {
			assert.DirExists(t, dir)
			assert.Equal(t, pids, membersOf(dir))
		}
		killStrays(t, pids) // and the folder goes by itself: eachContainment looks
	})
}

func TestSem28_TheGroupIsSignalledBeforeItsLeaderIsReaped(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("sleep 1000 & echo $!"))
		pids := numbers(t, p.Stdout(), 1)
		_, _, _, err := p.Wait()
		require.NoError(t, err)
		require.NoError(t, p.Signal("TERM"))
		requireGone(t, pids...)
		require.NoError(t, p.Signal("TERM"), "a group of zombies is no failure")
		require.NoError(t, p.Kill())
		assert.Zero(t, p.Survivors())
	})
}

func TestReleaseOfARunningCommandKillsItsTree(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("sleep 1000 & echo $!; wait"))
		pids := numbers(t, p.Stdout(), 1)
		require.NoError(t, p.Release())
		requireGone(t, append(pids, p.Pid())...)
		_, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, "KILL", signal)
	})
}

func TestTheContainmentIsTold(t *testing.T) {
	p := launch(t, nil, sh("exit 0"))
	assert.Equal(t, "group", p.Containment())
	assert.Empty(t, p.Cgroup())
	require.NoError(t, p.Release())
	eachContainment(t, func(t *testing.T, trees *Trees) {
		id := newID()
		spec := sh("cat /proc/self/cgroup")
		spec.ID = id
		p := launch(t, trees, spec)
		assert.Equal(t, trees.Folder(id), p.Cgroup())
		assert.Equal(t, p.Cgroup() != "", p.Containment() == "cgroup")
		out, _ := collect(t, p)
		if p.Containment() == "cgroup" {
			assert.Contains(t, out, "/rexec-"+id+"\n", "inside from the first instruction on")
			assert.NoDirExists(t, p.Cgroup())
		} else {
			assert.NotContains(t, out, id)
		}
	})
}

func TestFoldersACommandMadeItselfAreNoRefuge(t *testing.T) {
	trees := NewTrees(TreesOptions{})
	defer func() { require.NoError(t, trees.Close()) }()
	id := newID()
	dir := trees.Folder(id)
	if dir == "" {
		return // no cgroups here, no such folders
	}
	spec := sh(`mkdir -p "$1/a/b" && echo $$ >"$1/a/b/cgroup.procs" && echo $$ && exec sleep 1000`, dir)
	spec.ID = id
	p := launch(t, trees, spec)
	numbers(t, p.Stdout(), 1)
	require.NoError(t, p.Kill())
	_, _, _, err := p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, soon, time.Millisecond)
}

func TestWithoutAFolderTheGroupHoldsTheTree(t *testing.T) {
	trees := NewTrees(TreesOptions{})
	defer func() { require.NoError(t, trees.Close()) }()
	if trees.cgroups == nil {
		assert.Empty(t, trees.Folder("x"))
		return
	}
	run := func(trees *Trees, id, want string) {
		t.Helper()
		spec := sh("exit 3")
		spec.ID = id
		spec.Env = testEnv()
		p, err := Start(trees, spec)
		require.NoError(t, err)
		assert.Equal(t, want, p.Containment())
		code, _, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(3), code)
		require.NoError(t, p.Release())
	}
	run(trees, newID(), "cgroup")
	run(trees, "", "group")

	taken := newID()
	require.NoError(t, os.Mkdir(trees.Folder(taken), 0o755))
	run(trees, taken, "group")
	assert.DirExists(t, trees.Folder(taken), "somebody else's folder stays")
	require.NoError(t, os.Remove(trees.Folder(taken)))

	elsewhere := &cgroups{base: "/no/such/folder", left: map[string]struct{}{}}
	assert.False(t, elsewhere.works())
	run(&Trees{cgroups: elsewhere}, newID(), "group")

	// Below a threaded folder clone refuses to start anything.
	base := trees.Folder(newID())
	require.NoError(t, os.MkdirAll(filepath.Join(base, "x"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(base, "x", "cgroup.type"), []byte("threaded"), 0))
	refusing := &cgroups{base: base, left: map[string]struct{}{}}
	assert.False(t, refusing.works())
	id := newID()
	run(&Trees{cgroups: refusing}, id, "group")
	assert.NoDirExists(t, refusing.folder(id))
	require.True(t, removeFolder(base))
}

func TestOurOwnFolderIsFoundWhereverItIsMounted(t *testing.T) {
	const (
		hybrid   = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		unified  = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:4 master:1 - cgroup2 cgroup2 rw\n"
		part     = "41 31 0:38 /machine/a /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
		escaped  = "41 31 0:38 / /mnt/c\\040g rw - cgroup2 cgroup2 rw\n"
		old      = "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
		unmarked = "broken line\n"
	)
	for _, c := range []struct{ mounts, own, home, top string }{
		{hybrid, "4:memory:/x\n0::/\n", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified"},
		{unified, "0::/system.slice/rexecd.service\n", "/sys/fs/cgroup/system.slice/rexecd.service", "/sys/fs/cgroup"},
		{part, "0::/machine/a/b\n", "/sys/fs/cgroup/b", "/sys/fs/cgroup"},
		{part, "0::/machine/a\n", "/sys/fs/cgroup", "/sys/fs/cgroup"},
		{part, "0::/machine/ab\n", "", ""},
		{part + unified, "0::/other\n", "/sys/fs/cgroup/other", "/sys/fs/cgroup"},
		{escaped, "0::/a b\n", "/mnt/c g/a b", "/mnt/c g"},
		{unified, "0::/../above\n", "", ""},
		{unified, "1:cpu:/\n", "", ""},
		{old + unmarked, "0::/\n", "", ""},
		{"", "", "", ""},
	} {
		home, top := ownFolder(c.mounts, c.own)
		assert.Equal(t, []string{c.home, c.top}, []string{home, top}, "%q %q", c.mounts, c.own)
	}
	assert.Equal(t, `a b\0409\`, unescape(`a\040b\1340409\`))
}

func TestDelegationIsAMarkOnTheFolder(t *testing.T) {
	dir := t.TempDir()
	assert.False(t, delegated(dir))
	if err := unix.Setxattr(dir, "user.delegate", []byte("1"), 0); err == nil {
		assert.True(t, delegated(dir))
	}
	assert.False(t, delegated(dir+"/none"+strconv.Itoa(os.Getpid())))
}

func TestFoldersOfDaemonsThatAreGoneAreRemovedOnceEmptyAndOld(t *testing.T) {
	c := NewTrees(TreesOptions{}).cgroups
	if c == nil {
		return // no cgroups here, no such folders
	}
	folder := func(id string) string {
		dir := c.folder(id + strings.ToLower(rand.Text()))
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "below"), 0o755))
		t.Cleanup(func() { removeFolder(dir) })
		return dir
	}
	age := func(dir string) {
		at := time.Now().Add(-2 * oldFolder)
		require.NoError(t, os.Chtimes(dir, at, at))
	}
	old, young, used := folder("old-"), folder("young-"), folder("used-")
	sleep := exec.Command("sleep", "300")
	require.NoError(t, sleep.Start())
	t.Cleanup(func() { _ = sleep.Process.Kill(); _ = sleep.Wait() })
	// Before it is old: any daemon that starts on this machine just now removes what is old and empty.
	require.NoError(t, os.WriteFile(filepath.Join(used, "cgroup.procs"), []byte(strconv.Itoa(sleep.Process.Pid)), 0))
	age(used)
	age(old)

	assert.NotNil(t, NewTrees(TreesOptions{}).cgroups)
	assert.NoDirExists(t, old)
	assert.DirExists(t, young, "somebody may be about to start in it")
	assert.DirExists(t, used)
}
