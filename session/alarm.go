package session

import "time"

// alarm is a timer that may be off.
type alarm struct{ t *time.Timer }

func (a *alarm) set(d time.Duration) { a.off(); a.t = time.NewTimer(d) }

func (a *alarm) off() {
	if a.t != nil {
		a.t.Stop()
	}
	a.t = nil
}

// c never gives anything while the alarm is off.
func (a *alarm) c() <-chan time.Time {
	if a.t == nil {
		return nil
	}
	return a.t.C
}
