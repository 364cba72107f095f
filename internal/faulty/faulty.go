// Package faulty is a network that fails on purpose, the same way for the same seed: a proxy on loopback, and a net.Conn,
// that delay, cut at byte N, flip bit N, stall, and shorten reads and writes.
//
// It is test code; it knows nothing of what travels. What the failures must lead to is for the tests that use it to say.
package faulty

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is what happens to one direction of one connection. The zero value is a perfect wire.
type Fault struct {
	Cut   int64 // so many bytes pass, then both directions end at once; 0: never. CutNone cuts before the first byte
	Reset bool  // the cut is a RST to both sides instead of a FIN
	Flip  int64 // the bit with this number, counted from 1, arrives inverted; 0: none
	Stall int64 // so many bytes pass, then nothing, and nothing is closed; 0: never

	Seed  uint64        // of what follows; 0: nothing of it happens
	Short bool          // pass 1 to 64 bytes at a time
	Delay time.Duration // hold each piece for up to so long

	Rate int // bytes a second; 0: as many as there are
}

// CutNone is a Cut that lets nothing pass.
const CutNone = -1

// Plan is what happens to one connection.
type Plan struct {
	Up   Fault // from the one who connects to the one who listens
	Down Fault // the other way
}

// Proxy listens on loopback and passes every connection on, as the plan for it says.
type Proxy struct {
	l      net.Listener
	target string
	plan   func(n int) Plan

	up, down atomic.Int64 // bytes that arrived at their goal, of all connections
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	n     int
	done  bool
	held  chan struct{} // closed by Resume; nil: not paused
}

// NewProxy starts one in front of target. plan is asked for each connection, which are counted from 0; nil: no faults.
func NewProxy(target string, plan func(n int) Plan) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if plan == nil {
		plan = func(int) Plan { return Plan{} }
	}
	p := &Proxy{l: l, target: target, plan: plan, conns: make(map[net.Conn]struct{})}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where to connect to.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Passed counts the bytes that passed so far, in each direction.
func (p *Proxy) Passed() (up, down int64) { return p.up.Load(), p.down.Load() }

// Cut ends every connection that is open now.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Pause has nothing pass any more, in either direction, until Resume; nothing is lost.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// Resume ends Pause.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// wait waits while the proxy is paused.
func (p *Proxy) wait() {
	for {
		p.mu.Lock()
		held := p.held
		p.mu.Unlock()
		if held == nil {
			return
		}
		<-held
	}
}

// Close ends the proxy with all its connections and waits for its goroutines.
func (p *Proxy) Close() {
	_ = p.l.Close()
	p.Resume()
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.Cut()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		plan := p.plan(p.n)
		p.n++
		p.mu.Unlock()
		p.wg.Go(func() { p.serve(c, plan) })
	}
}

// hold keeps a connection to be closed later; false: the proxy has ended.
func (p *Proxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) serve(a net.Conn, plan Plan) {
	b, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = a.Close()
		return
	}
	if !p.hold(a) || !p.hold(b) {
		_ = a.Close()
		_ = b.Close()
		return
	}
	var end sync.Once
	cut := func(reset bool) {
		end.Do(func() {
			for _, c := range [...]net.Conn{a, b} {
				if tcp, ok := c.(*net.TCPConn); ok && reset {
					_ = tcp.SetLinger(0) // close(2) sends RST
				}
				_ = c.Close()
			}
		})
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(b, a, plan.Up, &p.up, cut) })
	both.Go(func() { p.carry(a, b, plan.Down, &p.down, cut) })
	both.Wait()
	cut(false)
	p.mu.Lock()
	delete(p.conns, a)
	delete(p.conns, b)
	p.mu.Unlock()
}

// carry moves bytes from src to dst until the end of src, whose FIN it passes on, or until the fault ends both.
func (p *Proxy) carry(dst, src net.Conn, f Fault, passed *atomic.Int64, cut func(reset bool)) {
	rng := rand.New(rand.NewPCG(f.Seed, 1))
	buf := make([]byte, 64<<10)
	var at int64
	var due time.Time // when what was read by now would have come over a link of that rate
	if f.Cut < 0 {
		cut(f.Reset)
		return
	}
	for {
		want := len(buf)
		if f.Seed != 0 && f.Short {
			want = 1 + rng.IntN(64)
		}
		if f.Rate > 0 {
			want = min(want, max(f.Rate/50, 1)) // 20 ms of it
		}
		n, err := src.Read(buf[:want])
		b := buf[:n]
		stalls := f.Stall > 0 && at+int64(n) >= f.Stall
		cuts := f.Cut > 0 && at+int64(n) >= f.Cut
		switch {
		case stalls:
			b = b[:max(f.Stall-at, 0)]
		case cuts:
			b = b[:f.Cut-at]
		}
		if bit := f.Flip - 1 - at*8; f.Flip > 0 && bit >= 0 && bit < int64(len(b))*8 {
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
		if f.Seed != 0 && f.Delay > 0 {
			time.Sleep(rand.N(f.Delay))
		}
		if f.Rate > 0 {
			due = latest(due, time.Now()).Add(time.Duration(n) * time.Second / time.Duration(f.Rate))
			time.Sleep(time.Until(due))
		}
		p.wait()
		if len(b) > 0 {
			if _, werr := dst.Write(b); werr != nil {
				return
			}
			at += int64(len(b))
			passed.Add(int64(len(b)))
		}
		switch {
		case cuts && !stalls:
			cut(f.Reset)
			return
		case stalls:
			_, _ = io.Copy(io.Discard, src) // until somebody closes
			return
		case err != nil:
			if tcp, ok := dst.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
