//go:build unix

package platform

import (
	"golang.org/x/sys/unix"
)

// group is a tree held by what every Unix has: the leader's process group
// and session. A process that calls setsid leaves it.
type group struct {
	leader int // pid, group and session
}

func (g group) containment() string { return "group" }
func (g group) folder() string      { return "" }
func (g group) peak() uint64        { return 0 }
func (g group) release()            {}

func (g group) signal(name string) error {
	n, err := signalNumber(name)
	if err != nil {
		return err
	}
	return signalGroup(g.leader, n)
}

func (g group) terminate() error {
	err := signalGroup(g.leader, unix.SIGTERM)
	g.eachOther(unix.SIGTERM)
	return err
}

// kill repeats until a look at the session finds nobody new: a process may
// have forked between the look and the signal.
func (g group) kill() error {
	err := signalGroup(g.leader, unix.SIGKILL)
	for range 100 {
		if !g.eachOther(unix.SIGKILL) {
			break
		}
	}
	return err
}

// eachOther signals the session's other groups, the jobs of an interactive
// shell, and says whether there were any.
func (g group) eachOther(n unix.Signal) bool {
	found := false
	for _, pid := range sessionMembers(g.leader) {
		pgid, err := unix.Getpgid(pid)
		if err == nil && pgid != g.leader {
			found = true
			_ = signalMember(pid, n, func() bool { return inSession(pid, g.leader) })
		}
	}
	return found
}

func (g group) survivors() int {
	n := 0
	for _, pid := range sessionMembers(g.leader) {
		if pid != g.leader {
			n++
		}
	}
	return n
}

func inSession(pid, session int) bool {
	sid, err := unix.Getsid(pid)
	return err == nil && sid == session
}
