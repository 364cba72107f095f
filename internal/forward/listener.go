package forward

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Dial connects to an address through the daemon; origin is where the near connection came from.
type Dial func(ctx context.Context, address, origin string) (Far, error)

// Listener gives each connection that it accepts a far one.
type Listener struct {
	Net  net.Listener
	Dial Dial
	// Address is where all connections go; empty: where each asks to by SOCKS, version 4, 4a or 5.
	Address string
	// Guard is deferred by every goroutine; nil: nothing.
	Guard func()
	// Report is told why a connection came to nothing; nil: nobody.
	Report func(error)
}

// Serve accepts until ctx is done and returns when the last connection has ended, for which the far ones have to end.
func (l *Listener) Serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = l.Net.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Net.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			l.report(err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond): // what can pass, passes
			}
			continue
		}
		conns.Go(func() {
			if l.Guard != nil {
				defer l.Guard()
			}
			l.serve(ctx, c.(*net.TCPConn))
		})
	}
}

func (l *Listener) report(err error) {
	if l.Report != nil {
		l.Report(err)
	}
}

func (l *Listener) serve(ctx context.Context, c *net.TCPConn) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	address, reply := l.Address, func(error) error { return nil }
	if address == "" {
		var err error
		if address, reply, err = socks(c); err != nil {
			stop()
			l.report(err)
			return
		}
	}
	far, err := l.Dial(ctx, address, c.RemoteAddr().String())
	stop()
	if err != nil {
		l.report(err)
		if reply(err) != nil || l.Address != "" {
			TCP{c}.Abort()
		}
		return
	}
	if err := reply(nil); err != nil {
		far.Abort(err)
		return
	}
	if err := Join(TCP{c}, far, l.Guard); err != nil {
		l.report(err)
	}
}
