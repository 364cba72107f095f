package link

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

// ServerConfig is the same for all connections of a daemon.
type ServerConfig struct {
	Identity *Identity
	Auth     hmacauth.ServerConfig
	Timeout  time.Duration // 0: Timeout

	// RefuseAfter is when REFUSED follows a wrong M3, RefuseJitter a random addition to it; both hide how long the
	// work before it took. 0: 250 ms and 50 ms; below 0: none.
	RefuseAfter, RefuseJitter time.Duration

	Streams   int           // a connection; 0: 256
	AwayLimit time.Duration // 0: 24 h
	Memory    *mux.Budget   // shared by all connections; nil: each its own bound alone

	// Refuse is why nobody is let in on this connection, whatever the proof, one of those that hmacauth.RefusalOf has an
	// answer for; nil: it is open.
	Refuse error

	// Admit judges a proved peer: nil takes it, an ending goes out as GOAWAY after M4.
	Admit func(peer hmacauth.Peer, from net.Addr) *frame.Ending
	// Accept judges the kind of a stream.
	Accept func(kind string) *frame.StreamError
}

// RefusedError says that a peer was not let in. Err is hmacauth's.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return "refused: " + e.Err.Error() }

// Unwrap gives hmacauth's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// Server makes a link over nc, which it owns from now on. It takes the handshake's whole time, so it belongs in the
// connection's own goroutine. When it fails nc is closed and the error says why, for the log.
//
// ctx bounds the handshake alone. When it ends before M4, so does the connection, and the error is ctx's cause; one that
// hmacauth.RefusalOf has an answer for is said to the peer, if TLS is up by then.
func Server(ctx context.Context, nc net.Conn, cfg ServerConfig) (*Link, error) {
	ch := serverChannel(nc, cfg.Identity)
	ch.bound(cfg.Timeout)
	stop := context.AfterFunc(ctx, func() {
		if ch.speaks.Load() {
			ch.cancel()
		} else {
			_ = nc.Close()
		}
	})
	l, err := ch.server(ctx, cfg, stop)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !isRefused(err) {
			err = ch.yield(cause)
		}
		stop()
		_ = nc.Close()
		return nil, err
	}
	return l, nil
}

func isRefused(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused)
}

// yieldTime is what a peer whose place another one gets may still cost.
const yieldTime = time.Second

// yield ends a handshake from outside.
func (c *channel) yield(cause error) error {
	if _, answer := hmacauth.RefusalOf(cause); !answer || !c.speaks.Load() {
		return cause
	}
	c.bound(yieldTime)
	return c.refuse(context.Background(), cause, time.Time{}, ServerConfig{})
}

// server does it all; stop must be called before M4, and false means that ctx has ended.
func (c *channel) server(ctx context.Context, cfg ServerConfig, stop func() bool) (*Link, error) {
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	c.speaks.Store(true)
	pin := cfg.Identity.Pin()
	b, err := binding(c.ConnectionState(), pin)
	if err != nil {
		return nil, err
	}
	hs := hmacauth.NewServer(b, cfg.Auth)
	r := bufio.NewReaderSize(c, smallBuffer)
	m1, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	m2, err := hs.M2(m1)
	if err == nil {
		err = cfg.Refuse
	}
	if err != nil {
		return nil, c.refuse(ctx, err, time.Time{}, cfg)
	}
	if _, err := c.Write(m2); err != nil {
		return nil, err
	}
	asked := time.Now()
	m3, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	came := time.Now()
	peer, err := hs.Verify(m3)
	if err != nil {
		return nil, c.refuse(ctx, err, came, cfg)
	}
	if err := checkEarly(r); err != nil {
		return nil, err
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	params := hs.Params()
	if _, err := c.Write(hs.M4()); err != nil {
		return nil, err
	}
	c.proved()

	m := mux.New(c.below.clocks(mux.Config{
		Role: mux.Daemon, MaxFrame: params.MaxFrame, Window: params.Window,
		Ping: time.Duration(params.PingSeconds) * time.Second, PingCount: int(params.PingCount), RTT: came.Sub(asked),
		Streams: cfg.Streams, AwayLimit: cfg.AwayLimit, Memory: cfg.Memory, Accept: cfg.Accept,
	}))
	if cfg.Admit != nil {
		if no := cfg.Admit(peer, c.below.RemoteAddr()); no != nil {
			m.GoAway(no.Code, no.Text)
		}
	}
	l := start(m, r, c, nil)
	l.Peer, l.Params, l.Pin = peer, params, pin
	return l, nil
}

// checkEarly looks at what came with M3, whose sender is known by now: before M4 a client may send OPEN and START and
// nothing else. What is still on its way is for mux to judge.
func checkEarly(r *bufio.Reader) error {
	early, _ := r.Peek(r.Buffered())
	for len(early) >= frame.HeaderSize {
		h := frame.ParseHeader(early)
		if h.Type != frame.TypeOpen && h.Type != frame.TypeStart {
			return fmt.Errorf("%v before M4, only OPEN and START may be sent there", h.Type)
		}
		if h.Length > frame.MaxStartBehindM3 {
			return fmt.Errorf("%v of %d bytes before M4, the limit is %d", h.Type, h.Length, frame.MaxStartBehindM3)
		}
		early = early[min(len(early), frame.HeaderSize+int(h.Length)):]
	}
	return nil
}

// mostDrained is more than anyone sends before an answer who means well: M3, OPEN and a START.
const mostDrained = 64 << 10

// refuse answers a peer that is not let in, if its mistake deserves an answer, and drops what it still sends: closing
// with unread input would make the kernel reset the connection and destroy the answer. The handshake's deadline holds
// for all of it, and the answer comes no earlier because ctx ends.
func (c *channel) refuse(ctx context.Context, cause error, came time.Time, cfg ServerConfig) error {
	code, answer := hmacauth.RefusalOf(cause)
	if !answer {
		return cause
	}
	if !came.IsZero() {
		after := cmp.Or(cfg.RefuseAfter, 250*time.Millisecond)
		if jitter := cmp.Or(cfg.RefuseJitter, 50*time.Millisecond); jitter > 0 {
			after += rand.N(jitter)
		}
		wait := time.NewTimer(min(time.Until(came.Add(after)), time.Until(c.deadline)))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done(): // for its place; an answer before its time would say how long the work took
			return &RefusedError{cause}
		}
	}
	if _, err := c.Write(hmacauth.RefusedFrame(code)); err == nil {
		_ = c.CloseWrite()
		_, _ = io.CopyN(io.Discard, c.below.Conn, mostDrained)
	}
	return &RefusedError{cause}
}
