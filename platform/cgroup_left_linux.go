package platform

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Folders that would not go are tried again after firstPause, then ever more
// rarely: a command may leave a service running for months.
const (
	firstPause = time.Millisecond
	lastPause  = 10 * time.Second

	// oldFolder is long after a command was started in its folder: one that is
	// empty then is nobody's any more.
	oldFolder = time.Minute
)

// cgroups makes folders for commands in base and removes them when empty.
type cgroups struct {
	base string

	mu     sync.Mutex // guards the following
	left   map[string]struct{}
	timer  *time.Timer // nil: none has been needed
	pause  time.Duration
	closed bool
}

// remove removes a command's folder, now or as soon as it is empty.
func (c *cgroups) remove(dir string) {
	if removeFolder(dir) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left[dir] = struct{}{}
	if c.closed {
		return
	}
	c.pause = firstPause
	if c.timer == nil {
		c.timer = time.AfterFunc(c.pause, c.tryAgain)
	} else {
		c.timer.Reset(c.pause)
	}
}

func (c *cgroups) tryAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for dir := range c.left {
		if removeFolder(dir) {
			delete(c.left, dir)
		}
	}
	if len(c.left) > 0 && !c.closed {
		c.pause = min(c.pause*2, lastPause)
		c.timer.Reset(c.pause)
	}
}

// inherit removes the empty folders of daemons that ended before what their
// commands left running did.
func (c *cgroups) inherit() {
	old, _ := filepath.Glob(c.folder("*"))
	for _, dir := range old {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < oldFolder {
			continue
		}
		// Folders below it may be somebody's who has not moved in yet.
		events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err == nil && strings.Contains(string(events), "populated 0\n") {
			removeFolder(dir)
		}
	}
}

func (c *cgroups) close() {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.tryAgain()
}

// removeFolder removes a folder and those below it; false when there is
// still a process in one of them.
func removeFolder(dir string) bool {
	if gone(unix.Rmdir(dir)) {
		return true
	}
	below := folders(dir)
	slices.Reverse(below)
	for _, d := range below {
		if !gone(unix.Rmdir(d)) {
			return false
		}
	}
	return true
}

func gone(err error) bool { return err == nil || errors.Is(err, unix.ENOENT) }
