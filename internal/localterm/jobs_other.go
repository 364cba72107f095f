//go:build !unix

package localterm

import (
	"os"
	"sync"
	"time"
)

// jobs is the polled size: no signal tells of it here, and nothing stops a process.
type jobs struct {
	resized chan os.Signal
	done    chan struct{} // closed by Close
	closing sync.Once
	wait    sync.WaitGroup
}

func (j *jobs) init() { j.resized, j.done = make(chan os.Signal, 1), make(chan struct{}) }

// pollTime is how often the size is looked at.
const pollTime = 250 * time.Millisecond

// Watch has Resized bring changes of the size; Close ends that.
func (t *Terminal) Watch() {
	last := t.Size()
	t.wait.Go(func() {
		defer t.Guard()
		tick := time.NewTicker(pollTime)
		defer tick.Stop()
		for {
			select {
			case <-t.done:
				return
			case <-tick.C:
			}
			if now := t.Size(); now != last {
				last = now
				select {
				case t.resized <- os.Interrupt: // any value
				default:
				}
			}
		}
	})
}

// Close ends Watch. The terminal stays as it is: see Restore.
func (t *Terminal) Close() {
	t.closing.Do(func() { close(t.done) })
	t.wait.Wait()
}

// Resized brings one value for any number of changes.
func (t *Terminal) Resized() <-chan os.Signal { return t.resized }

// Continued brings nothing here.
func (t *Terminal) Continued() <-chan os.Signal { return nil }

// Suspend does nothing here.
func (t *Terminal) Suspend(func() bool) error { return nil }

// Again does nothing here.
func (t *Terminal) Again(func() bool) error { return nil }
