//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rexec/client"
)

// serveBy is serve through a shell, which gets the program as $0 and the state folder as $1 and leaves the daemon behind
// with its process id in the file $2. It also blocks signals that whoever starts the shell may have blocked.
func (p *program) serveBy(line string) {
	p.t.Helper()
	if p.daemon != nil {
		p.stop()
	}
	file := filepath.Join(p.t.TempDir(), "pid")
	p.log = &syncBuffer{}
	out, err := os.Create(filepath.Join(p.t.TempDir(), "log"))
	require.NoError(p.t, err)
	defer out.Close()
	sh := p.command("rexecd")
	sh.Args, sh.Path = []string{"sh", "-c", line, sh.Path, p.state, file}, "/bin/sh"
	sh.Stdout, sh.Stderr = out, out

	runtime.LockOSThread()
	var blocked, was unix.Sigset_t
	for _, s := range []unix.Signal{unix.SIGUSR1, unix.SIGALRM, unix.SIGCHLD} {
		blocked.Val[(s-1)/64] |= 1 << ((s - 1) % 64)
	}
	require.NoError(p.t, unix.PthreadSigmask(unix.SIG_SETMASK, &blocked, &was))
	err = sh.Run()
	require.NoError(p.t, unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil))
	runtime.UnlockOSThread()
	require.NoError(p.t, err)

	pid := pidIn(p.t, file)
	p.t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		eventually(p.t, soon, func() bool { return !alive(pid) }, "the daemon ends")
	})
	eventually(p.t, soon, func() bool { return p.run(p.rexec("box", "true"), "").code == 0 }, "the daemon answers")
}

// field gives the value of a line "Name:\tvalue" of /proc/PID/status.
func field(t *testing.T, text, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `:\s*(.*)$`).FindStringSubmatch(text)
	require.NotNil(t, m, "%s in %q", name, text)
	return m[1]
}

func TestSem23_TheChildHasTheStateThatIsPromisedWhateverTheDaemonWasStartedWith(t *testing.T) {
	p := start(t)
	p.serveBy(`trap '' INT QUIT HUP USR2 PIPE; umask 077; ulimit -Sn 555; ulimit -Hn 777; ulimit -c 0; exec 7</dev/zero 9>/dev/null
		rexec_secret=1 "$0" serve --state "$1" </dev/null & echo $! >"$2"`)
	ask := func(line string) string {
		o := p.run(p.rexec("-n", "box", line), "")
		require.Equal(t, 0, o.code, o.stderr)
		return o.stdout
	}
	status := ask("exec cat /proc/self/status")
	for _, set := range []string{"SigBlk", "SigIgn", "SigPnd", "ShdPnd", "SigCgt"} {
		assert.Equal(t, strings.Repeat("0", 16), field(t, status, set), set)
	}
	assert.Equal(t, "0022", field(t, status, "Umask"))
	// ls has the one that it lists with.
	assert.Equal(t, "0\n1\n2\n3\n", ask("exec ls /proc/self/fd"), "descriptors")
	assert.Equal(t, "555\n777\n0\n", ask("ulimit -Sn; ulimit -Hn; ulimit -c"))
	assert.NotContains(t, ask("env"), "rexec_secret")
	f := strings.Fields(ask("exec cat /proc/self/stat"))
	assert.Equal(t, f[0], f[4], "leader of its group")
	assert.Equal(t, f[0], f[5], "and of its session")
	assert.Equal(t, "0", f[6], "no terminal")

	// So ^C works.
	j := p.begin(p.rexec("box", "echo ready; exec sleep 300"))
	j.says("ready")
	j.signal(syscall.SIGINT)
	assert.Equal(t, "interrupt", j.wait(soon).signal)
	p.nothingLeft()
}

// children lists the states of a process's children, zombies included.
func children(pid int) (states []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if f[1] == fmt.Sprint(pid) {
			states = append(states, string(b[:strings.LastIndexByte(string(b), ')')+3]))
		}
	}
	return states
}

func TestSem28_NoZombiesAfterManyCommands(t *testing.T) {
	p := start(t)
	c := client.New(p.dial())
	defer c.Close()
	lines := []string{"true", "exit 7", "kill -KILL $$", "/nonexistent", "sleep 0.01 & sleep 0.01 & wait", "sleep 0.01 >/dev/null 2>&1 &"}
	limit := make(chan struct{}, 16)
	for i := range 200 {
		limit <- struct{}{}
		cmd := c.Shell(context.Background(), lines[i%len(lines)])
		if i%7 == 0 {
			cmd = c.Command(context.Background(), "/nonexistent")
		}
		require.NoError(t, cmd.Start())
		go func() { _ = cmd.Wait(); <-limit }()
	}
	for range cap(limit) {
		limit <- struct{}{}
	}
	eventually(t, soon, func() bool { return len(children(p.daemon.Process.Pid)) == 0 }, "no children: %v",
		lazy(func() any { return children(p.daemon.Process.Pid) }))
	p.nothingLeft()
}

func TestSem28_ASignalAfterTheEndHitsNobody(t *testing.T) {
	p := start(t)
	c := client.New(p.dial())
	defer c.Close()
	for range 20 {
		cmd := c.Shell(context.Background(), "exit 3")
		require.NoError(t, cmd.Start())
		// As fast as can be, until the verdict is in. They wait while a command is started, and 64 that wait are too many.
		for n := 0; n < 50 && cmd.Signal("USR1") == nil; n++ {
			time.Sleep(time.Millisecond)
		}
		var exit *client.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		assert.Error(t, cmd.Signal("USR1"), "it is over")
	}
	assert.NotContains(t, p.log.String(), "level=error")
	p.nothingLeft()
}

func TestSem28_AsPid1ItReaps(t *testing.T) {
	p := start(t)
	p.stop()
	root := "-r"
	if os.Getuid() == 0 {
		root = "-n" // of no consequence
	}
	args := []string{"-pf", "--mount-proc", "--kill-child"}
	if root == "-r" {
		args = append(args, root)
	}
	log := &syncBuffer{}
	p.log = log
	daemon := exec.Command("unshare", append(args, filepath.Join(bin, "rexecd"), "serve", "--state", p.state)...)
	daemon.Stderr = log
	daemon.Env = p.command("rexecd").Env
	require.NoError(t, daemon.Start(), "unshare(1), of util-linux, and the right to make a namespace")
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	eventually(t, soon, func() bool { return p.run(p.rexec("box", "true"), "").code == 0 }, "the daemon answers: %s", p.log)

	// Orphans of all kinds come to pid 1.
	for range 20 {
		o := p.run(p.rexec("box", `(setsid sleep 0.02 & sleep 0.01 & ) >/dev/null 2>&1; exit 5`), "")
		require.Equal(t, 5, o.code, o.stderr)
	}
	var states string
	eventually(t, soon, func() bool {
		states = p.run(p.rexec("box", `grep -h '^State:' /proc/[0-9]*/status | grep -c Z; cat /proc/1/comm`), "").stdout
		return states == "0\nrexecd\n"
	}, "no zombies, and rexecd is pid 1: %q", lazy(func() any { return states }))

	// And it ends as it does elsewhere.
	eventually(t, soon, func() bool { return len(p.tree()) == 0 }, "the orphans are gone")
	inner := children(daemon.Process.Pid)
	require.Len(t, inner, 1)
	var pid int
	_, err := fmt.Sscanf(inner[0], "%d", &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.NoError(t, daemon.Wait(), "exit 0")
	p.nothingLeft()
}
