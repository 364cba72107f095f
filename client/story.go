package client

import (
	"fmt"
	"sync"
	"time"

	"rexec/frame"
)

// story tells Config.Trace what happens on a connection, as much of it as TraceLevel wants. Its lines come from the
// goroutines that read and write.
type story struct {
	tell  func(format string, args ...any)
	level int
	began time.Time

	mu    sync.Mutex
	kinds map[uint16]string // of the streams
	ahead map[lane]uint64   // the most that a lane's sender may be ahead
	asked time.Time         // when PING went out
}

// lane is one direction of a byte lane: how much credit its sender has.
type lane struct {
	stream uint16
	id     uint8
}

func newStory(cfg Config) *story {
	s := &story{tell: cfg.Trace, level: max(cfg.TraceLevel, 1), began: time.Now(), kinds: make(map[uint16]string), ahead: make(map[lane]uint64)}
	if cfg.Trace == nil {
		s.level = 0
	}
	return s
}

// say is a line of a level: 1 are the steps, 2 the parameters, 3 each message.
func (s *story) say(level int, format string, args ...any) {
	if s.level >= level {
		s.tell(format, args...)
	}
}

// trace is what link tells; nil: the level wants nothing.
func (s *story) trace() func(level int, format string, args ...any) {
	if s.level == 0 {
		return nil
	}
	return s.say
}

// after is the time since the story began.
func (s *story) after() time.Duration { return time.Since(s.began).Round(100 * time.Microsecond) }

// watch is what link shows the frames to; nil: the level wants none.
func (s *story) watch() func(bool, frame.Header, []byte) {
	if s.level < 2 {
		return nil
	}
	return s.see
}

func (s *story) see(sent bool, h frame.Header, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, err := frame.ParseOpen(p); h.Type == frame.TypeOpen && err == nil {
		s.kinds[h.Stream] = o.Kind
	}
	kind := s.kinds[h.Stream]
	if s.level >= 3 {
		arrow := "<-"
		if sent {
			arrow = "->"
		}
		s.say(3, "%s %s", arrow, frame.Describe(h, p, kind))
	}
	s.explain(sent, h, p, kind)
}

// explain says what a message means for the connection's parameters; most messages mean nothing for them.
func (s *story) explain(sent bool, h frame.Header, p []byte, kind string) {
	switch h.Type {
	case frame.TypeOpen:
		if o, err := frame.ParseOpen(p); err == nil && sent {
			s.ahead[lane{h.Stream, frame.LaneOut}], s.ahead[lane{h.Stream, frame.LaneErr}] = o.Credit[0], o.Credit[1]
			s.say(2, "stream %d, %s: the daemon may send %d bytes of %s and %d of %s ahead", h.Stream, o.Kind,
				o.Credit[0], frame.LaneName(frame.LaneOut, kind), o.Credit[1], frame.LaneName(frame.LaneErr, kind))
		}
	case frame.TypeAccept:
		if a, err := frame.ParseAccept(p); err == nil && !sent {
			s.ahead[lane{h.Stream, frame.LaneIn}] = a.Credit[0]
			s.say(2, "stream %d is taken; this side may send %d bytes of %s ahead", h.Stream, a.Credit[0], frame.LaneName(frame.LaneIn, kind))
		}
	case frame.TypeCredit:
		c, err := frame.ParseCredit(p)
		if l := (lane{h.Stream, h.Lane}); err == nil && c.Limit-c.Consumed > s.ahead[l] {
			s.ahead[l] = c.Limit - c.Consumed
			s.say(2, "%s of stream %d may be %d bytes ahead now", frame.LaneName(h.Lane, kind), h.Stream, s.ahead[l])
		}
	case frame.TypeEOF:
		if n, err := frame.ParseUint64(p); err == nil {
			s.say(2, "%s of stream %d ended after %d bytes", frame.LaneName(h.Lane, kind), h.Stream, n)
		}
	case frame.TypeStop:
		s.say(2, "nobody reads %s of stream %d any more", frame.LaneName(h.Lane, kind), h.Stream)
	case frame.TypeStart:
		if st, err := frame.ParseStart(p); err == nil && kind == frame.KindExec {
			s.say(2, "asking for %s", st.Describe())
		}
	case frame.TypeStarted:
		if st, err := frame.ParseStarted(p); err == nil && kind == frame.KindExec {
			s.say(2, "the command's shell is %q, it speaks %q", st.Shell, st.Encoding)
		}
	case frame.TypePing:
		if sent {
			s.asked = time.Now()
			s.say(2, "asking the daemon for a sign of life")
		}
	case frame.TypePong:
		if !sent && !s.asked.IsZero() {
			s.say(2, "the daemon is alive, the round trip is %v", time.Since(s.asked).Round(10*time.Microsecond))
		}
	case frame.TypeGoAway:
		if e, err := frame.ParseEnding(p); err == nil && !sent {
			s.say(2, "the daemon takes no more streams: %v %q", e.Code, e.Text)
		}
	case frame.TypeReset:
		if e, err := frame.ParseEnding(p); err == nil {
			s.say(2, "stream %d is given up: %v %q", h.Stream, e.Code, e.Text)
		}
	}
}

// end says what the connection has carried.
func (s *story) end(sent, received uint64, rtt time.Duration) {
	s.say(1, "the connection is closed after %v: %s sent, %s received, the round trip was %v", s.after(), amount(sent), amount(received), rtt.Round(10*time.Microsecond))
}

// amount is bytes in a unit that can be read.
func amount(n uint64) string {
	units := [...]string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	v, i := float64(n), 0
	for v >= 1<<10 && i < len(units)-1 {
		v, i = v/(1<<10), i+1
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
