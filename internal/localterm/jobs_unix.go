//go:build unix

package localterm

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// jobs is what the kernel tells of a terminal and a job: that its size changed, that this process was continued, that it
// should stop.
type jobs struct {
	resized, continued, stop chan os.Signal
}

func (j *jobs) init() {
	j.resized, j.continued, j.stop = make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
}

// Watch has Resized, Stop and Continued bring what happens; Close ends that.
func (t *Terminal) Watch() {
	signal.Notify(t.resized, unix.SIGWINCH)
	if t.in == nil {
		return
	}
	signal.Notify(t.continued, unix.SIGCONT)
	if !signal.Ignored(unix.SIGTSTP) {
		signal.Notify(t.stop, unix.SIGTSTP)
	}
}

// Close ends Watch. The terminal stays as it is: see Restore.
func (t *Terminal) Close() {
	for _, c := range [...]chan os.Signal{t.resized, t.continued, t.stop} {
		signal.Stop(c)
	}
}

// Resized brings one value for any number of changes.
func (t *Terminal) Resized() <-chan os.Signal { return t.resized }

// Stop brings the wish of another process that this one be suspended; Suspend does it.
func (t *Terminal) Stop() <-chan os.Signal { return t.stop }

// Continued says that this process was stopped by force, and is no more; Again follows.
func (t *Terminal) Continued() <-chan os.Signal { return t.continued }

// stopTime is how long the kernel may take to stop a process. Where nobody could ever continue it (an orphaned process
// group), it does not stop it at all.
const stopTime = 200 * time.Millisecond

// Suspend gives the terminal back and stops this process until it is continued in front, and the terminal is raw again.
// leave is asked in between whether there is something more urgent.
func (t *Terminal) Suspend(leave func() bool) error {
	t.Restore()
	t.halt(unix.SIGTSTP)
	return t.Again(leave)
}

// Again makes the terminal raw behind a stop. A process that was continued in the background stops again, as whoever
// touches a terminal from there does.
func (t *Terminal) Again(leave func() bool) error {
	for !inFront(t.in) {
		if leave() {
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
	signal.Reset(s)
	if unix.Kill(os.Getpid(), s) == nil {
		select {
		case <-t.continued:
		case <-time.After(stopTime):
		}
	}
	if s == unix.SIGTSTP {
		select { // what was asked for meanwhile is done
		case <-t.stop:
		default:
		}
		signal.Notify(t.stop, s)
	}
}
