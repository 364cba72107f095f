package fleet

import (
	"crypto/sha256"
	"hash"
	"slices"
	"strings"
	"sync"

	"rexec/frame"
)

// Fold holds output back until all hosts have ended and shows what is the same once: hosts are grouped by stdout, and by
// stderr, and the largest group comes first.
type Fold struct {
	screen *Screen
	style  Style
	store  *Store

	mu     sync.Mutex
	groups [2]map[[sha256.Size]byte]*group // of stdout and stderr
	words  []said
}

// group is hosts whose output is the same.
type group struct {
	text  *spool
	lines int
	hosts []Host
}

// said is an error line, or a note, about a host.
type said struct {
	host  Host
	words string
}

// NewFold shows on screen what store held back.
func NewFold(screen *Screen, style Style, store *Store) *Fold {
	f := &Fold{screen: screen, style: style, store: store}
	for i := range f.groups {
		f.groups[i] = map[[sha256.Size]byte]*group{}
	}
	return f
}

// Started is View's.
func (f *Fold) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	f.say(h, info.Note)
	return f.sink(h, 0), f.sink(h, 1)
}

// Ended is View's.
func (f *Fold) Ended(r Result) { f.say(r.Host, r.Words) }

// say notes words, which must not name the host in its own way: those of many are said once.
func (f *Fold) say(h Host, words string) {
	if words == "" || f.style.Quiet {
		return
	}
	words = strings.ReplaceAll(words, h.Config.Address, "its address")
	if start, ok := strings.CutSuffix(words, " "+h.Name); ok {
		words = start + " HOST"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.words = append(f.words, said{h, words})
}

// held is a Sink that keeps lines, each with a newline behind it whatever ended it there.
type held struct {
	f      *Fold
	host   Host
	stream int

	mu    sync.Mutex
	cut   cutter
	text  *spool
	sum   hash.Hash
	out   []byte // lines that are not kept yet
	lines int
	open  bool // no newline behind what was kept last
	err   error
}

func (f *Fold) sink(h Host, stream int) *held {
	s := &held{f: f, host: h, stream: stream, text: f.store.spool(), sum: sha256.New()}
	s.cut.line = s.line
	return s
}

func (s *held) line(text []byte, whole bool) {
	s.out = append(s.out, text...)
	if s.open = !whole; whole {
		s.newline()
	}
}

func (s *held) newline() {
	s.out = append(s.out, '\n')
	s.lines++
}

// keep takes over what line has made.
func (s *held) keep() {
	s.sum.Write(s.out)
	if _, err := s.text.Write(s.out); s.err == nil {
		s.err = err
	}
	s.out = s.out[:0]
}

func (s *held) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut.write(p)
	s.keep()
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// End puts the host into its group; what another host of it has said already is not kept twice.
func (s *held) End() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut.end()
	if s.open {
		s.newline()
	}
	s.keep()
	s.out = nil
	if s.err == nil {
		s.err = s.text.settle()
	}
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [sha256.Size]byte(s.sum.Sum(nil))
	g := f.groups[s.stream][key]
	if g == nil {
		g = &group{text: s.text, lines: s.lines}
		f.groups[s.stream][key] = g
	} else {
		s.text.drop()
	}
	g.hosts = append(g.hosts, s.host)
	return s.err
}

// names is the group as a node set.
func (f *Fold) names(hosts []Host) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.Name
	}
	return fold(names)
}

// sorted are the groups of a stream, the largest first, of equal ones the one that has the first host.
func (f *Fold) sorted(stream int) (groups []*group, hosts int) {
	inOrder := func(a, b Host) int { return a.Index - b.Index }
	for _, g := range f.groups[stream] {
		slices.SortFunc(g.hosts, inOrder)
		groups = append(groups, g)
		hosts += len(g.hosts)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		if n := len(b.hosts) - len(a.hosts); n != 0 {
			return n
		}
		return inOrder(a.hosts[0], b.hosts[0])
	})
	return groups, hosts
}
