//go:build unix

package localterm

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// jobs is what the kernel tells of a terminal and a job: that its size changed, that this process was continued. What stops
// it is left as it is: Go gives back no signal's default action once it was asked for (runtime.sigdisable).
type jobs struct{ resized, continued chan os.Signal }

func (j *jobs) init() {
	j.resized, j.continued = make(chan os.Signal, 1), make(chan os.Signal, 1)
}

// Watch has Resized and Continued bring what happens; Close ends that.
func (t *Terminal) Watch() {
	signal.Notify(t.resized, unix.SIGWINCH)
	if t.in != nil {
		signal.Notify(t.continued, unix.SIGCONT)
	}
}

// Close ends Watch. The terminal stays as it is: see Restore.
func (t *Terminal) Close() {
	signal.Stop(t.resized)
	signal.Stop(t.continued)
}

// Resized brings one value for any number of changes.
func (t *Terminal) Resized() <-chan os.Signal { return t.resized }

// Continued says that this process was stopped by somebody else, and is no more; Again follows.
func (t *Terminal) Continued() <-chan os.Signal { return t.continued }

// stopTime is how long the kernel may take to stop a process. Where nobody could ever continue it (an orphaned process
// group), it does not stop it at all.
const stopTime = 200 * time.Millisecond

// Suspend gives the terminal back and stops this process until it is continued in front, and the terminal is raw again.
// urgent is asked in between whether there is something else to do.
func (t *Terminal) Suspend(urgent func() bool) error {
	t.Restore()
	t.halt(unix.SIGTSTP)
	return t.Again(urgent)
}

// Again makes the terminal raw behind a stop. A process that was continued in the background stops again, as whoever
// touches a terminal from there does.
func (t *Terminal) Again(urgent func() bool) error {
	for !inFront(t.in) {
		if urgent() {
			return nil
		}
		t.halt(unix.SIGTTOU)
	}
	return t.Raw()
}

// halt stops this process by s and returns when it was continued.
func (t *Terminal) halt(s unix.Signal) {
	select {
	case <-t.continued:
	default:
	}
	if unix.Kill(os.Getpid(), s) != nil {
		return
	}
	select {
	case <-t.continued:
	case <-time.After(stopTime):
	}
}
