package platform

import (
	"errors"
	"os/exec"
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

// peakAbove is the peak memory, 0 where it is not above own; after reap.
func (c child) peakAbove(own uint64) uint64 {
	if s := c.cmd.ProcessState; s != nil {
		return peakOf(s, own)
	}
	return 0
}
