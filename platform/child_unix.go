//go:build unix

package platform

import (
	"errors"
	"math"
	"os/exec"
	"sync/atomic"
	"time"
)

// child is a process that os/exec started.
type child struct{ cmd *exec.Cmd }

func (c child) pid() int { return c.cmd.Process.Pid }

// reap takes the zombie away; how it ended is known already.
func (c child) reap() error {
	var exit *exec.ExitError
	if err := c.cmd.Wait(); !errors.As(err, &exit) {
		return err
	}
	return nil
}

// times are the processor time of the process and of the children it waited
// for; after reap.
func (c child) times() (user, system time.Duration) {
	if s := c.cmd.ProcessState; s != nil {
		user, system = s.UserTime(), s.SystemTime()
	}
	return user, system
}

// peak is the peak memory, 0 where it is not above this process's own, with
// which a child starts; after reap. own is what is known of that, which only
// grows.
func (c child) peak(own *atomic.Uint64) uint64 {
	s := c.cmd.ProcessState
	if s == nil {
		return 0
	}
	most := peakOf(s)
	if most <= own.Load() {
		return 0
	}
	now := ownPeak()
	if now < math.MaxUint64 { // what cannot be seen now may be later
		own.Store(now)
	}
	if most > now {
		return most
	}
	return 0
}
