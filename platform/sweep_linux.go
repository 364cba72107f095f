package platform

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sweepTime bounds the wait for killed processes to be gone.
	sweepTime = 5 * time.Second
	sweepLook = 2 * time.Millisecond
)

func sweep(r Remains) (int, error) {
	if r.ID == "" {
		return 0, errors.New("platform: sweep: no session id")
	}
	if r.Cgroup != "" {
		if err := checkFolder(r); err != nil {
			return 0, err
		}
	}
	self := os.Getpid()
	killed := map[int]bool{}
	// Until a look finds nobody alive: what is killed may have forked before.
	for deadline := time.Now().Add(sweepTime); ; time.Sleep(sweepLook) {
		left := leftOf(r)
		if slices.Contains(left, self) {
			return 0, fmt.Errorf("platform: sweep: this process is itself part of session %q", r.ID)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			return len(killed), fmt.Errorf("platform: sweep: session %q: processes %v do not die", r.ID, left)
		}
		if r.Cgroup != "" {
			_ = os.WriteFile(filepath.Join(r.Cgroup, "cgroup.kill"), []byte("1"), 0)
		}
		for _, pid := range left {
			killed[pid] = true
			_ = signalMember(pid, unix.SIGKILL, func() bool { return partOf(r, pid) })
		}
	}
	if r.Cgroup != "" {
		for deadline := time.Now().Add(sweepTime); !removeFolder(r.Cgroup); time.Sleep(sweepLook) {
			if time.Now().After(deadline) {
				return len(killed), fmt.Errorf("platform: sweep: folder %q is not empty", r.Cgroup)
			}
		}
	}
	return len(killed), nil
}

// checkFolder refuses to empty a folder that is not the session's.
func checkFolder(r Remains) error {
	if filepath.Base(r.Cgroup) != "rexec-"+r.ID || !filepath.IsAbs(r.Cgroup) {
		return fmt.Errorf("platform: sweep: %q is not the folder of session %q", r.Cgroup, r.ID)
	}
	var fs unix.Statfs_t
	err := unix.Statfs(r.Cgroup, &fs)
	if err == nil && fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("platform: sweep: %q is not a cgroup", r.Cgroup)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("platform: sweep: %q: %w", r.Cgroup, err)
	}
	return nil
}

// leftOf lists what is alive of a tree.
func leftOf(r Remains) []int {
	left := map[int]bool{}
	if r.Cgroup != "" {
		for _, pid := range membersOf(r.Cgroup) {
			left[pid] = true
		}
	}
	for _, pid := range processes() {
		if s, err := readStat(pid); err == nil && s.alive() && belongs(r, pid, s) {
			left[pid] = true
		}
	}
	last := left[r.PID]
	delete(left, r.PID)
	pids := slices.Sorted(maps.Keys(left))
	if last { // its life is the proof for its session
		pids = append(pids, r.PID)
	}
	return pids
}

// partOf looks again at one that was listed.
func partOf(r Remains, pid int) bool {
	if r.Cgroup != "" && slices.Contains(membersOf(r.Cgroup), pid) {
		return true
	}
	s, err := readStat(pid)
	return err == nil && belongs(r, pid, s)
}

// belongs judges a process outside of the folder. This process may have come
// from a session itself and still carry its name.
func belongs(r Remains, pid int, s procStat) bool {
	if pid == os.Getpid() {
		return false
	}
	if r.PID != 0 && r.StartTime != 0 && s.session == r.PID {
		// As long as the leader is the recorded one, so is its session. Of a
		// session whose leader is gone nothing proves whose it was.
		if leader, err := readStat(r.PID); err == nil && leader.startTime == r.StartTime {
			return true
		}
	}
	return carries(pid, SessionVariable+"="+r.ID)
}
