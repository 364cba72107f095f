package frame

import (
	"fmt"
	"strings"
	"time"
)

// Describe says in one line for people what a frame is, with everything that came from the other side quoted. payload may be
// nil for DATA, whose bytes are never shown, and neither are the values of variables. kind is that of the frame's stream.
func Describe(h Header, payload []byte, kind string) string {
	about := aboutFrame(h, payload, kind)
	if about != "" {
		about = " " + about
	}
	switch {
	case h.Type.OnConnection():
		return fmt.Sprintf("%v%s", h.Type, about)
	case h.Type.OnLane():
		return fmt.Sprintf("%v %d %s%s", h.Type, h.Stream, LaneName(h.Lane, kind), about)
	}
	return fmt.Sprintf("%v %d%s", h.Type, h.Stream, about)
}

// LaneName is what a byte lane carries.
func LaneName(lane uint8, kind string) string {
	switch {
	case kind != KindExec:
		return fmt.Sprintf("lane %d", lane)
	case lane == LaneIn:
		return "stdin"
	case lane == LaneOut:
		return "stdout"
	case lane == LaneErr:
		return "stderr"
	}
	return "messages"
}

func aboutFrame(h Header, p []byte, kind string) string {
	size := fmt.Sprintf("(%d bytes)", h.Length)
	switch h.Type {
	case TypeData:
		return fmt.Sprintf("%d bytes", h.Length)
	case TypeOpen:
		if o, err := ParseOpen(p); err == nil {
			return fmt.Sprintf("%s, first credit %d and %d bytes", o.Kind, o.Credit[0], o.Credit[1])
		}
	case TypeAccept:
		if a, err := ParseAccept(p); err == nil {
			return fmt.Sprintf("first credit %d bytes", a.Credit[0])
		}
	case TypeCredit:
		if c, err := ParseCredit(p); err == nil {
			return fmt.Sprintf("%d bytes consumed, %d may be sent", c.Consumed, c.Limit)
		}
	case TypeEOF:
		if at, err := ParseUint64(p); err == nil {
			return fmt.Sprintf("after %d bytes", at)
		}
	case TypePing, TypePong:
		if n, err := ParseUint64(p); err == nil {
			return fmt.Sprint(n)
		}
	case TypeReset, TypeGoAway:
		if e, err := ParseEnding(p); err == nil {
			return fmt.Sprintf("%v %q", e.Code, e.Text)
		}
	case TypeAway:
		if s, err := ParseAway(p); err == nil {
			return fmt.Sprintf("for %d s", s)
		}
	case TypeResize:
		if s, err := ParseSize(p); err == nil {
			return fmt.Sprintf("%d rows, %d columns", s.Rows, s.Cols)
		}
	case TypeSignal:
		if s, err := ParseSignal(p); err == nil {
			return fmt.Sprintf("SIG%s, the %d. of this client", s.Name, s.Seq)
		}
	case TypeCancel:
		if r, err := ParseCancel(p); err == nil {
			return fmt.Sprintf("reason %d", uint8(r))
		}
	case TypeStart:
		if kind != KindExec {
			return size
		}
		if s, err := ParseStart(p); err == nil {
			return s.Describe() + " " + size
		}
	case TypeStarted:
		if kind != KindExec {
			return size
		}
		if s, err := ParseStarted(p); err == nil {
			return fmt.Sprintf("session %x, process %d, %q, shell %q, encoding %q, a %v %s", s.Session, s.Pid, s.OS, s.Shell, s.Encoding, s.Containment, size)
		}
	case TypeVerdict:
		if v, err := ParseVerdict(p); err == nil {
			return v.words() + " " + size
		}
	case TypeClose, TypeStop, TypeVerdictAck:
		return ""
	}
	return size
}

// Describe says what START asks for in a line for people; of variables it has the names.
func (s Start) Describe() string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(len(s.Argv) > 0, "the words %.500q", s.Argv)
	add(s.Line != "", "the shell line %.500q", s.Line)
	for _, sys := range s.Systems {
		add(true, "on %q the shell line %.500q", sys.OS, sys.Line)
	}
	add(s.Subsystem != "", "the subsystem %q", s.Subsystem)
	add(len(all) == 0, "a login shell")
	add(s.User != "", "as user %q", s.User)
	add(s.Cwd != "", "in %q", s.Cwd)
	add(len(s.Env) > 0, "with %q", names(s.Env))
	add(len(s.EnvOffered) > 0, "offering %q", names(s.EnvOffered))
	if t := s.Terminal; t != nil {
		add(true, "in a terminal %q of %d rows, %d columns, %d modes", t.Term, t.Size.Rows, t.Size.Cols, len(t.Modes))
	}
	add(s.NoStdin, "without input")
	add(s.Timeout > 0, "for %v at most", time.Duration(s.Timeout)*time.Millisecond)
	switch s.Linger {
	case 0:
		add(true, "not lingering")
	case LingerForever:
		add(true, "lingering until its outputs end")
	default:
		add(true, "lingering %v", time.Duration(s.Linger)*time.Millisecond)
	}
	add(s.Keep > 0, "kept for %v", time.Duration(s.Keep)*time.Millisecond)
	add(s.OnLost != OnLostDefault, "on_lost %d", uint8(s.OnLost))
	add(len(s.Request) > 0, "request %x", s.Request)
	return strings.Join(all, ", ")
}

// names are those of NAME=VALUE entries.
func names(entries []string) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i], _, _ = strings.Cut(e, "=")
	}
	return list
}

// words are what a verdict says.
func (v Verdict) words() string {
	s := fmt.Sprintf("%v, code %d", v.Kind, v.Code)
	if v.Signal != "" {
		s += " by SIG" + v.Signal
	}
	if v.Reason != "" {
		s += fmt.Sprintf(" because %q", v.Reason)
	}
	return s + fmt.Sprintf(", %d bytes in, %d out, %d err, held %d, %d survivors, %v wall, %v user, %v system, peak %d bytes",
		v.In, v.Out, v.Err, v.Held, v.Survivors, micros(v.Wall), micros(v.User), micros(v.System), v.Peak)
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
