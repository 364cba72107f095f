package fleet

import (
	"fmt"
	"sync"
	"time"
)

// Count is how a Run stands.
type Count struct {
	Hosts, Begun, Done, NotOK int
}

// Progress is a line on stderr about how a Run stands. Its zero value counts and shows nothing.
type Progress struct {
	mu    sync.Mutex
	count Count
	stop  chan struct{}
	gone  chan struct{}
}

// The line comes when a run takes this long, and is then drawn so often.
const (
	progressAfter = 400 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// Show draws on the screen until Hide. columns asks for the terminal's width.
func (p *Progress) Show(s *Screen, columns func() int) {
	p.stop, p.gone = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.gone)
		began := time.Now()
		next := time.NewTimer(progressAfter)
		defer next.Stop()
		for {
			select {
			case <-p.stop:
				s.progress("")
				return
			case <-next.C:
				next.Reset(progressEvery)
			}
			p.mu.Lock()
			line := p.count.line(time.Since(began))
			p.mu.Unlock()
			s.progress(line[:min(len(line), max(columns()-1, 0))])
		}
	}()
}

// Hide takes the line away. A terminal that stands still is not waited for longer than a moment.
func (p *Progress) Hide() {
	if p.stop == nil {
		return
	}
	close(p.stop)
	select {
	case <-p.gone:
	case <-time.After(progressEvery):
	}
}

func (p *Progress) set(c Count) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count = c
}

func (c Count) line(since time.Duration) string {
	if c.Hosts == 0 {
		return ""
	}
	line := fmt.Sprintf("%d of %d done, %d running", c.Done, c.Hosts, c.Begun-c.Done)
	if c.NotOK > 0 {
		line += fmt.Sprintf(", %d not ok", c.NotOK)
	}
	// Until a good part is done, what is left says nothing about the time it takes.
	if rest := c.Hosts - c.Done; c.Done*10 >= c.Hosts && rest > 0 {
		left := time.Duration(float64(since) / float64(c.Done) * float64(rest))
		line += fmt.Sprintf(", about %v left", max(left.Round(time.Second), time.Second))
	}
	return line
}
