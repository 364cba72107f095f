package audit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	limitWindow = time.Second
	limitTable  = 64 // sources that are told apart: what strangers with an IPv6 network can write is some kilobytes a second
)

// Limiter bounds what strangers can have written: one record a second and source, of the last there was, with the count
// of those before it that are left out. Nothing is lost from the count: records and what they left out add up to what was
// added. Beyond 64 sources at a time the others are one source, whose
// lines say so.
type Limiter struct {
	write func(Record)

	mu     sync.Mutex
	slots  map[netip.Prefix]*slot
	closed bool
	firing sync.WaitGroup // calls of write by timers
}

// slot is a source that was written of less than a second ago, or will be.
type slot struct {
	last  Record
	held  uint64 // records since the last write
	timer *time.Timer
}

// NewLimiter has write called from goroutines of its own.
func NewLimiter(write func(Record)) *Limiter {
	return &Limiter{write: write, slots: make(map[netip.Prefix]*slot)}
}

// Add has r written soon, or counted. It never waits for a disk. After Close it does nothing.
func (m *Limiter) Add(from netip.Prefix, r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	s := m.slots[from]
	if s == nil && len(m.slots) >= limitTable {
		from = netip.Prefix{}
		s = m.slots[from]
		r.Reason = "one of many sources: " + r.Reason
	}
	if s == nil {
		s = &slot{}
		m.slots[from] = s
		s.timer = time.AfterFunc(0, func() { m.fire(from, s) })
	}
	s.last = r
	s.held++
}

// fire is the end of a second.
func (m *Limiter) fire(from netip.Prefix, s *slot) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	if s.held == 0 {
		delete(m.slots, from)
		m.mu.Unlock()
		return
	}
	r := s.take()
	m.firing.Add(1)
	m.mu.Unlock()
	defer m.firing.Done()
	m.write(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		s.timer.Reset(limitWindow) // only now: a slow disk does not pile up goroutines
	}
}

func (s *slot) take() Record {
	r := s.last
	r.LeftOut = s.held - 1
	s.last, s.held = Record{}, 0
	return r
}

// Close writes what is still counted.
func (m *Limiter) Close() {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.closed = true
	var rest []Record
	for _, s := range m.slots {
		s.timer.Stop()
		if s.held > 0 {
			rest = append(rest, s.take())
		}
	}
	m.mu.Unlock()
	m.firing.Wait()
	for _, r := range rest {
		m.write(r)
	}
}
