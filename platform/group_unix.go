//go:build unix

package platform

import (
	"errors"

	"golang.org/x/sys/unix"
)

// group is a tree held by what every Unix has: the leader's process group
// and session. A process that calls setsid leaves it.
type group struct {
	leader int           // pid, group and session
	mark   string        // what the environment of the tree holds, REXEC_SESSION=ID; may be empty
	polite []unix.Signal // what asks the tree to end, one after the other
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
	var err error
	for _, n := range g.polite {
		err = errors.Join(err, g.all(n))
	}
	return err
}

func (g group) kill() error { return g.all(unix.SIGKILL) }

// all signals the group, then the session's other groups, which are the jobs
// of an interactive shell, until a look finds nobody new: a process may have
// forked between the look and the signal.
func (g group) all(n unix.Signal) error {
	err := signalGroup(g.leader, n)
	told := map[int]bool{}
	for news := true; news && len(told) < mostMembers; {
		news = false
		for _, pid := range sessionMembers(g.leader) {
			pgid, err := unix.Getpgid(pid)
			if err != nil || pgid == g.leader || told[pid] {
				continue
			}
			news, told[pid] = true, true
			_ = signalMember(pid, n, func() bool { return inSession(pid, g.leader) })
		}
	}
	return err
}

// mostMembers bounds the chase after a tree that forks as fast as it is
// signalled.
const mostMembers = 1 << 16

// survivors also counts what has left the session, by the mark in its
// environment, where that can be read.
func (g group) survivors() int {
	members := map[int]bool{}
	for _, pid := range sessionMembers(g.leader) {
		members[pid] = true
	}
	if g.mark != "" {
		for _, pid := range carriers(g.mark) {
			members[pid] = true
		}
	}
	delete(members, g.leader)
	return len(members)
}

func inSession(pid, session int) bool {
	sid, err := unix.Getsid(pid)
	return err == nil && sid == session
}
