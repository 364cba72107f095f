package platform

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// findCgroups finds where folders for commands can be made, and tries it:
// nil where it does not work.
func findCgroups() *cgroups {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	home, top := ownFolder(string(mounts), string(own))
	if home == "" {
		return nil
	}
	// Below our own folder is always ours to use if anything is. Beside it is
	// better where a service manager gave us the folder above (systemd's
	// DelegateSubgroup): only a folder without processes can account memory.
	var places []string
	if above := filepath.Dir(home); home != top && delegated(above) && !delegated(home) {
		places = append(places, above)
	}
	for _, place := range append(places, home) {
		c := &cgroups{base: place, left: map[string]struct{}{}}
		if place != home {
			_ = os.WriteFile(filepath.Join(place, "cgroup.subtree_control"), []byte("+memory"), 0)
		}
		if c.works() {
			c.inherit()
			return c
		}
	}
	return nil
}

// ownFolder finds this process's cgroup v2 folder and the top of what is
// mounted of that hierarchy, from proc_pid_mountinfo(5) and the "0::" line of
// cgroups(7). Empty: none, or it lies outside of what is mounted.
func ownFolder(mounts, own string) (home, top string) {
	where := ""
	for line := range strings.Lines(own) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			where = p
		}
	}
	if !path.IsAbs(where) || where != path.Clean(where) {
		return "", "" // "/../x": above the cgroup namespace
	}
	for line := range strings.Lines(mounts) {
		left, right, ok := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if !ok || len(fields) < 6 || !strings.HasPrefix(right, "cgroup2 ") {
			continue
		}
		root, point := unescape(fields[3]), unescape(fields[4])
		rest, err := filepath.Rel(root, where)
		if err != nil || rest == ".." || strings.HasPrefix(rest, "../") {
			continue
		}
		return filepath.Join(point, rest), point
	}
	return "", ""
}

// unescape reads the \ooo of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// delegated says whether systemd marked a folder as handed over, which it
// does with an extended attribute.
func delegated(dir string) bool {
	mark := make([]byte, 8)
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		if n, err := unix.Getxattr(dir, name, mark); err == nil && string(mark[:n]) == "1" {
			return true
		}
	}
	return false
}

// works tries the whole: make a folder, start something inside, find
// cgroup.kill (Linux 5.14), remove the folder. What is started is a file that
// does not exist, so that "no such file" is the proof and nothing runs.
func (c *cgroups) works() bool {
	dir := c.folder("probe-" + strings.ToLower(rand.Text()))
	if os.Mkdir(dir, 0o755) != nil {
		return false
	}
	defer c.remove(dir)
	if unix.Access(filepath.Join(dir, "cgroup.kill"), unix.W_OK) != nil {
		return false
	}
	fd, err := openFolder(dir)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	nothing := filepath.Join(dir, "nothing")
	_, err = syscall.ForkExec(nothing, []string{nothing}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	return errors.Is(err, unix.ENOENT)
}

func openFolder(dir string) (int, error) {
	return unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
