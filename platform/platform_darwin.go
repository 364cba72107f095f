package platform

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// fionread is FIONREAD, _IOR('f', 127, int) of sys/filio.h.
const fionread = 0x4004667f

// onlyZombies: kill(2) says EPERM of a group in which only zombies are left.
func onlyZombies(err error) bool { return errors.Is(err, unix.EPERM) }

// Trees would know what this machine has to hold a command and all it starts,
// if machines differed. It may be used from any goroutine.
type Trees struct{ ownPeak atomic.Uint64 } // see child.peak

// NewTrees looks once what this machine has to hold a tree: process groups.
func NewTrees(TreesOptions) *Trees { return &Trees{} }

// Close gives back what NewTrees holds: nothing here.
func (t *Trees) Close() error { return nil }

// Folder is the cgroup folder of id: none here.
func (t *Trees) Folder(string) string { return "" }

// plant starts what command makes in a tree.
func (t *Trees) plant(_, mark string, polite []unix.Signal, command func() *exec.Cmd) (tree, *exec.Cmd, error) {
	cmd := command()
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return group{cmd.Process.Pid, mark, polite}, cmd, nil
}

// sessionMembers lists the processes alive in a session.
func sessionMembers(session int) []int {
	const zombie = 5 // SZOMB of sys/proc.h
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	var members []int
	for _, p := range all {
		if pid := int(p.Proc.P_pid); p.Proc.P_stat != zombie && inSession(pid, session) {
			members = append(members, pid)
		}
	}
	return members
}

// carriers: other processes' environments are not to be read here.
func carriers(string) []int { return nil }

// signalMember signals one process by its pid: there is nothing surer here.
func signalMember(pid int, n unix.Signal, certain func() bool) error {
	if !certain() {
		return unix.ESRCH
	}
	return unix.Kill(pid, n)
}

func ownPeak() uint64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return uint64(u.Maxrss) // bytes on this system
}

func peakOf(s *os.ProcessState) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return uint64(u.Maxrss)
	}
	return 0
}

// BootID names this run of the machine; empty when unknown.
func BootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

// StartTime tells processes of one pid and one boot apart: when it started,
// in microseconds.
func StartTime(pid int) (uint64, error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0, err
	}
	return uint64(p.Proc.P_starttime.Sec)*1e6 + uint64(p.Proc.P_starttime.Usec), nil
}

// ignoredSignals lists what a shell makes its background commands ignore.
func ignoredSignals() []os.Signal { return []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP} }

// closeOnExec keeps what we inherited ourselves from the commands.
func closeOnExec() {
	d, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// foreignUser asks Open Directory, which knows all but the system's accounts.
func foreignUser(key string, is func(fields []string) bool) (User, error) {
	found, err := user.Lookup(key)
	if err != nil {
		found, err = user.LookupId(key)
	}
	if err != nil {
		return User{}, user.UnknownUserError(key)
	}
	shell := ""
	out, err := exec.Command("/usr/bin/dscl", ".", "-read", "/Users/"+found.Username, "UserShell").Output()
	if err == nil {
		shell = strings.TrimSpace(strings.TrimPrefix(string(out), "UserShell:"))
	}
	line := strings.Join([]string{found.Username, "x", found.Uid, found.Gid, "", found.HomeDir, shell}, ":")
	if u, ok := passwdEntry(line, is); ok {
		return u, nil
	}
	return User{}, user.UnknownUserError(key)
}

// foreignGroups asks it for a user's groups.
func foreignGroups(name string) []uint32 {
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	ids, _ := u.GroupIds()
	var groups []uint32
	for _, id := range ids {
		if gid, err := strconv.ParseUint(id, 10, 32); err == nil {
			groups = append(groups, uint32(gid))
		}
	}
	return groups
}
