package platform

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sweepTime bounds the wait for killed processes to be gone.
	sweepTime = 5 * time.Second
	sweepLook = 2 * time.Millisecond
)

func sweep(all []remaining) {
	self := os.Getpid()
	killed := make(map[string]map[int]bool) // by session id
	finish := func(r remaining, err error) {
		r.answer.Killed, r.answer.Err = len(killed[r.ID]), err
	}
	all = slices.DeleteFunc(all, func(r remaining) bool {
		if r.ID == "" {
			finish(r, errors.New("platform: sweep: no session id"))
		} else if err := checkFolder(r.Remains); err != nil {
			finish(r, err)
		} else {
			killed[r.ID] = make(map[int]bool)
			return false
		}
		return true
	})
	var empty []remaining // but for the folder
	// Until a look finds nobody alive: what is killed may have forked before.
	for deadline := time.Now().Add(sweepTime); len(all) > 0; time.Sleep(sweepLook) {
		seen := lookAround()
		late := time.Now().After(deadline)
		all = slices.DeleteFunc(all, func(r remaining) bool {
			left := seen.of(r.Remains)
			switch {
			case slices.Contains(left, self):
				finish(r, fmt.Errorf("platform: sweep: this process is itself part of session %q", r.ID))
				return true
			case len(left) == 0:
				finish(r, nil)
				empty = append(empty, r)
				return true
			case late:
				finish(r, fmt.Errorf("platform: sweep: session %q: processes %v do not die", r.ID, left))
				return true
			}
			if r.Cgroup != "" {
				_ = os.WriteFile(filepath.Join(r.Cgroup, "cgroup.kill"), []byte("1"), 0)
			}
			for _, pid := range left {
				killed[r.ID][pid] = true
				_ = signalMember(pid, unix.SIGKILL, func() bool { return partOf(r.Remains, pid) })
			}
			return false
		})
		if len(all) == 0 {
			break
		}
	}
	deadline := time.Now().Add(sweepTime)
	for _, r := range empty {
		for r.Cgroup != "" && !removeFolder(r.Cgroup) {
			if time.Now().After(deadline) {
				finish(r, fmt.Errorf("platform: sweep: folder %q is not empty", r.Cgroup))
				break
			}
			time.Sleep(sweepLook)
		}
	}
}

// checkFolder refuses to empty a folder that is not the session's.
func checkFolder(r Remains) error {
	if r.Cgroup == "" {
		return nil
	}
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

// seen is one walk over the processes alive, but for this one, which may have
// come from a session itself and still carry its name.
type seen struct {
	started map[int]uint64   // start times, by pid
	session map[int][]int    // members, by session
	marked  map[string][]int // by the session id in the environment
}

func lookAround() seen {
	l := seen{started: make(map[int]uint64), session: make(map[int][]int), marked: make(map[string][]int)}
	self := os.Getpid()
	for _, pid := range processes() {
		s, err := readStat(pid)
		if err != nil || pid == self {
			continue
		}
		l.started[pid] = s.startTime // also a zombie's: its session is still its own
		if !s.alive() {
			continue
		}
		l.session[s.session] = append(l.session[s.session], pid)
		for _, id := range marksOf(pid) {
			l.marked[id] = append(l.marked[id], pid)
		}
	}
	return l
}

// of lists what is alive of a tree.
func (l seen) of(r Remains) []int {
	left := map[int]bool{}
	add := func(pids []int) {
		for _, pid := range pids {
			left[pid] = true
		}
	}
	if r.Cgroup != "" {
		add(membersOf(r.Cgroup))
	}
	if start, ok := l.started[r.PID]; ok && r.StartTime != 0 && start == r.StartTime {
		add(l.session[r.PID])
	}
	add(l.marked[r.ID])
	last := left[r.PID]
	delete(left, r.PID)
	pids := slices.Sorted(maps.Keys(left))
	if last { // its life is the proof for its session
		pids = append(pids, r.PID)
	}
	return pids
}

// marksOf are the session ids that a process was started with, mostly none or one.
func marksOf(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	var ids []string
	for v := range bytes.SplitSeq(b, []byte{0}) {
		if id, ok := bytes.CutPrefix(v, []byte(SessionVariable+"=")); ok {
			ids = append(ids, string(id))
		}
	}
	return ids
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
