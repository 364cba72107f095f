package platform

import (
	"os/exec"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Trees knows what this machine has to hold a command and all it starts.
// It is made once, by NewTrees, and may be used from any goroutine.
type Trees struct {
	cgroups *cgroups      // nil: none, process groups
	ownPeak atomic.Uint64 // see child.peak
}

// NewTrees looks once what this machine has to hold a tree: a folder of the
// cgroup v2 hierarchy where this process may make one and start commands in
// it, else process groups.
func NewTrees(opt TreesOptions) *Trees {
	t := &Trees{}
	if !opt.Group {
		t.cgroups = findCgroups()
	}
	return t
}

// Close stops waiting for folders of commands that left something running;
// those still not empty stay.
func (t *Trees) Close() error {
	if t.cgroups != nil {
		t.cgroups.close()
	}
	return nil
}

// Folder is the cgroup folder a command with this id is started in, to be
// recorded before; empty where there is none.
func (t *Trees) Folder(id string) string {
	if t.cgroups == nil || id == "" {
		return ""
	}
	return t.cgroups.folder(id)
}

// plant starts what command makes, anew for each attempt, in a tree; what
// keeps it from a folder of its own leaves it to its process group.
func (t *Trees) plant(id, mark string, polite []unix.Signal, command func() *exec.Cmd) (tree, *exec.Cmd, error) {
	if t.cgroups != nil && id != "" {
		cmd := command()
		if held, err := t.cgroups.plant(id, polite, cmd); held != nil || err != nil {
			return held, cmd, err
		}
	}
	cmd := command()
	if err := startClean(cmd); err != nil {
		return nil, nil, err
	}
	return group{cmd.Process.Pid, mark, polite}, cmd, nil
}
