package server

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Budgets bound what strangers cost before they have proved themselves. Zero fields: the figures behind them.
type Budgets struct {
	Unproved          int // connections in the handshake; 256
	UnprovedPerSource int // of one source, a /32 or /64; 64

	Penalty    time.Duration // for a wrong proof, added up for its source; 5 s; below 0: no penalties
	PenaltyMin time.Duration // a source is shut out once its sum is so much; 15 s
	PenaltyMax time.Duration // the most a sum may be; 10 min

	Exempt []netip.Prefix // sources that get no penalty
}

// maxSources bounds the table; beyond it the source whose penalty ends first is forgotten.
const maxSources = 1 << 16

func (b Budgets) orDefault() Budgets {
	set := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if b.Unproved == 0 {
		b.Unproved = 256
	}
	if b.UnprovedPerSource == 0 {
		b.UnprovedPerSource = 64
	}
	set(&b.Penalty, 5*time.Second)
	set(&b.PenaltyMin, 15*time.Second)
	set(&b.PenaltyMax, 10*time.Minute)
	return b
}

// gate keeps the budgets. It counts failed proofs, not connections, so that a fan-out from one administrator is never
// slowed.
type gate struct {
	budgets Budgets

	mu      sync.Mutex
	n       int    // connections in the handshake
	turn    uint64 // of the next to come
	sources map[netip.Prefix]*origin
	going   map[net.Conn]struct{} // made way and are being told so
}

// waiter is a connection in the handshake.
type waiter struct {
	net.Conn
	turn  uint64 // counts up with those who come
	yield func() // has it say goodbye and leave
}

// mostGoing is how many may be told at a time that they make way; beyond it they are just closed.
const mostGoing = 32

// toldEvery is how often a source that is shut out gets an answer that says so; all its other connections are closed at
// once, so that they cost nothing.
const toldEvery = time.Second

// admission is what becomes of a new connection.
type admission uint8

const (
	shutOut  admission = 0 // to be closed
	shutTold admission = 1 // it may come in to hear that it is shut out
	letIn    admission = 2
)

// origin is one source that has connections in the handshake or a penalty.
type origin struct {
	waiting []waiter  // oldest first
	until   time.Time // when its penalties are served
	shut    bool      // they reached PenaltyMin
	told    time.Time // when it was last told so
}

func newGate(b Budgets) *gate {
	return &gate{budgets: b.orDefault(), sources: make(map[netip.Prefix]*origin), going: make(map[net.Conn]struct{})}
}

// sourceOf is whom an address is counted with: itself, or the /64 that one host of IPv6 has to itself. Addresses that
// are not IP are one source.
func sourceOf(a net.Addr) netip.Prefix {
	ip := source(a)
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// enter takes a new connection in, or says no to one whose source is shut out. Over a budget the oldest connection of
// the source that holds most makes way for the new one: yield has it leave. Unless the answer is shutOut, leave follows.
func (g *gate) enter(nc net.Conn, yield func()) admission {
	from := sourceOf(nc.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.sources[from]
	answer := letIn
	if o != nil && o.shut {
		now := time.Now()
		switch {
		case !now.Before(o.until):
			o.shut = false
		case g.exempt(source(nc.RemoteAddr())):
		case now.Sub(o.told) < toldEvery:
			return shutOut
		default:
			o.told, answer = now, shutTold
		}
	}
	if o == nil {
		o = &origin{}
		g.sources[from] = o
	}
	if len(o.waiting) >= g.budgets.UnprovedPerSource {
		g.evict(o)
	} else if g.n >= g.budgets.Unproved {
		g.evict(g.fullest())
	}
	o.waiting = append(o.waiting, waiter{nc, g.turn, yield})
	g.turn++
	g.n++
	return answer
}

// fullest is the source with most connections in the handshake; of several the one whose oldest has been there longest,
// so that strangers with a source each cannot push out who comes and goes.
func (g *gate) fullest() (most *origin) {
	for _, o := range g.sources {
		if len(o.waiting) == 0 {
			continue
		}
		if most == nil || len(o.waiting) > len(most.waiting) ||
			len(o.waiting) == len(most.waiting) && o.waiting[0].turn < most.waiting[0].turn {
			most = o
		}
	}
	return most
}

// evict ends the oldest connection of a source; whoever serves it leaves then.
func (g *gate) evict(o *origin) {
	oldest := o.waiting[0]
	if len(g.going) < mostGoing {
		g.going[oldest.Conn] = struct{}{}
		oldest.yield()
	} else {
		_ = oldest.Close()
	}
	o.waiting = o.waiting[1:]
	g.n--
}

// leave is the end of a handshake. wrongProof adds to the source's penalties.
func (g *gate) leave(nc net.Conn, wrongProof bool) {
	from := sourceOf(nc.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.going, nc)
	o := g.sources[from]
	if o == nil {
		return
	}
	for i, w := range o.waiting {
		if w.Conn == nc {
			o.waiting = append(o.waiting[:i:i], o.waiting[i+1:]...)
			g.n--
			break
		}
	}
	now := time.Now()
	if wrongProof && g.budgets.Penalty > 0 && !g.exempt(source(nc.RemoteAddr())) {
		if o.until.Before(now) {
			o.until = now
		}
		o.until = o.until.Add(g.budgets.Penalty)
		if most := now.Add(g.budgets.PenaltyMax); o.until.After(most) {
			o.until = most
		}
		o.shut = o.shut || o.until.Sub(now) >= g.budgets.PenaltyMin
	}
	if len(o.waiting) == 0 && !o.until.After(now) {
		delete(g.sources, from)
	}
	if len(g.sources) > maxSources {
		g.forget(now)
	}
}

// forget drops what has been served, or else the penalty that ends first.
func (g *gate) forget(now time.Time) {
	var first netip.Prefix
	var end time.Time
	for p, o := range g.sources {
		switch {
		case len(o.waiting) > 0:
		case !o.until.After(now):
			delete(g.sources, p)
		case end.IsZero() || o.until.Before(end):
			first, end = p, o.until
		}
	}
	if len(g.sources) > maxSources {
		delete(g.sources, first)
	}
}

// exempt is asked with the whole address: one host of an IPv6 network may be exempt where its neighbours are not.
func (g *gate) exempt(ip netip.Addr) bool {
	for _, p := range g.budgets.Exempt {
		if p.Contains(ip.WithZone("")) {
			return true
		}
	}
	return false
}

// waiting is how many handshakes are under way.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}
