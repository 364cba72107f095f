package fleet

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// How long a host may keep its place in the window without a sign of life: the answer of its kernel, and then the first
// byte of its daemon. Whoever takes longer waits outside of the window, and the next host goes on.
const (
	kernelPatience = 300 * time.Millisecond
	daemonPatience = 2 * time.Second
)

// maxOutside bounds the hosts that wait outside, each with an open descriptor.
const maxOutside = 512

// errLater ends the attempt of a host that has answered outside of the window while the window was full. Nothing was
// sent that starts anything; it is connected to anew when it is its turn.
var errLater = errors.New("answered late, its place was taken")

// place is one host's in the window while it connects. leave is asked when patience runs out and reports whether the
// host is outside now; back is asked when it answers all the same and reports whether there is room.
type place struct {
	leave func() bool
	back  func() bool

	kernel, daemon time.Duration // patience

	mu      sync.Mutex
	outside bool
	settled bool // it has answered
	timer   *time.Timer
}

// expect starts the clock.
func (p *place) expect(patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leave == nil || p.outside || p.settled {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.settled && !p.outside {
			p.outside = p.leave()
		}
	})
}

// answered stops the clock and gives errLater to a host that is outside and cannot come back.
func (p *place) answered() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.outside {
		if !p.back() {
			return errLater
		}
		p.outside = false
	}
	return nil
}

// settle says that no clock runs any more.
func (p *place) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// dialler makes below, nil: TCP, keep p.
func (p *place) dialler(below func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	if below == nil {
		below = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address) // keepalive is the protocol's own business
		}
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		p.expect(p.kernel)
		nc, err := below(ctx, address)
		if err != nil {
			return nil, err
		}
		if err := p.answered(); err != nil {
			_ = nc.Close()
			return nil, err
		}
		tcp, ok := nc.(*net.TCPConn)
		if !ok {
			p.settle()
			return nc, nil
		}
		p.expect(p.daemon)
		return &firstWord{TCPConn: tcp, place: p}, nil
	}
}

// firstWord is a connection whose first byte keeps the host's place. The daemon's first words come before it can have
// been told what to run.
type firstWord struct {
	*net.TCPConn
	place *place
	heard bool // the reader's
}

func (c *firstWord) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 && !c.heard {
		c.heard = true
		if err := c.place.answered(); err != nil {
			return 0, err
		}
		c.place.settle()
	}
	return n, err
}
