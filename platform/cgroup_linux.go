package platform

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// folder is where the command with this id lives.
func (c *cgroups) folder(id string) string { return filepath.Join(c.base, "rexec-"+id) }

// plant starts cmd inside a folder of its own, from its first instruction on
// (clone3 with CLONE_INTO_CGROUP). nil and no error: no such folder is to be
// had, and nothing was started.
func (c *cgroups) plant(id string, polite []unix.Signal, cmd *exec.Cmd) (tree, error) {
	dir := c.folder(id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil
	}
	fd, err := openFolder(dir)
	if err != nil {
		c.remove(dir)
		return nil, nil
	}
	defer func() { _ = unix.Close(fd) }()
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
	err = startClean(cmd)
	switch {
	case err == nil:
		return &cgroup{group: group{leader: cmd.Process.Pid, polite: polite}, all: c, dir: dir}, nil
	case refusedFolder(err):
		c.remove(dir)
		return nil, nil
	}
	c.remove(dir)
	return nil, err
}

// refusedFolder tells clone's complaints about the folder from the start's
// own; none of them is among execve's (clone(2), execve(2)).
func refusedFolder(err error) bool {
	switch errno(err) {
	case unix.EBUSY, unix.EOPNOTSUPP, unix.ENODEV, unix.EBADF, unix.ENOSYS:
		return true
	}
	return false
}

// cgroup is a tree that nothing leaves: neither a double fork nor setsid.
type cgroup struct {
	group
	all *cgroups
	dir string

	most atomic.Uint64 // what the folder knew of the peak when it went
	gone atomic.Bool   // the folder was empty but for the leader's remains, and was removed
}

func (g *cgroup) containment() string { return "cgroup" }
func (g *cgroup) folder() string      { return g.dir }

// terminate tells every member, until a look finds nobody new.
func (g *cgroup) terminate() error {
	for _, n := range g.polite {
		told := map[int]bool{}
		for len(told) < mostMembers && signalMembers(g.dir, n, told) {
		}
	}
	return nil
}

// kill also takes the group, for what a command run by root moved elsewhere.
func (g *cgroup) kill() error {
	if g.gone.Load() {
		return signalGroup(g.leader, unix.SIGKILL)
	}
	err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0)
	return errors.Join(err, signalGroup(g.leader, unix.SIGKILL))
}

func (g *cgroup) survivors() int {
	if g.left() {
		return 0
	}
	n := 0
	for _, pid := range membersOf(g.dir) {
		if pid != g.leader {
			n++
		}
	}
	return n
}

// peak is 0 where the memory controller is not at hand.
func (g *cgroup) peak() uint64 {
	if g.gone.Load() {
		return g.most.Load()
	}
	b, err := os.ReadFile(filepath.Join(g.dir, "memory.peak"))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n
}

func (g *cgroup) release() {
	if !g.gone.Load() {
		g.all.remove(g.dir)
	}
}

// left removes the folder if everybody has left it: zombies do not keep it (cgroups(7)), and to try that costs less than
// to look.
func (g *cgroup) left() bool {
	if g.gone.Load() {
		return true
	}
	g.most.Store(g.peak())
	if unix.Rmdir(g.dir) != nil {
		return false
	}
	g.gone.Store(true)
	return true
}

// membersOf lists the processes alive in a folder and in those below it.
func membersOf(dir string) []int {
	var pids []int
	for _, d := range folders(dir) {
		b, _ := os.ReadFile(filepath.Join(d, "cgroup.procs"))
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// folders lists dir and the folders below it, a parent before its children.
func folders(dir string) []string {
	list := []string{dir}
	for i := 0; i < len(list); i++ {
		entries, err := os.ReadDir(list[i])
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() {
				list = append(list, filepath.Join(list[i], e.Name()))
			}
		}
	}
	return list
}

// signalMembers signals the members not told yet, and says whether there were
// any. Their pids may be given away at any time: a pidfd holds each, then a
// second look at the folder says who is still a member.
func signalMembers(dir string, n unix.Signal, told map[int]bool) bool {
	var fresh []int
	for _, pid := range membersOf(dir) {
		if !told[pid] {
			told[pid] = true
			fresh = append(fresh, pid)
		}
	}
	for some := range slices.Chunk(fresh, 64) {
		held := map[int]int{}
		for _, pid := range some {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				held[pid] = fd
			}
		}
		for _, pid := range membersOf(dir) {
			if fd, ok := held[pid]; ok {
				_ = unix.PidfdSendSignal(fd, n, nil, 0)
			}
		}
		for _, fd := range held {
			_ = unix.Close(fd)
		}
	}
	return len(fresh) > 0
}
