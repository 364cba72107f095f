package link

import (
	"bufio"
	"errors"
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
func Server(nc net.Conn, cfg ServerConfig) (*Link, error) {
	ch := serverChannel(nc, cfg.Identity)
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	ch.bound(time.Now().Add(timeout))
	l, err := ch.server(cfg)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return l, nil
}

func (c *channel) server(cfg ServerConfig) (*Link, error) {
	if err := c.Handshake(); err != nil {
		return nil, err
	}
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
	if err != nil {
		return nil, c.refuse(err, time.Time{}, cfg)
	}
	if _, err := c.Write(m2); err != nil {
		return nil, err
	}
	m3, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	came := time.Now()
	peer, err := hs.Verify(m3)
	if err != nil {
		return nil, c.refuse(err, came, cfg)
	}
	params := hs.Params()
	if _, err := c.Write(hs.M4()); err != nil {
		return nil, err
	}
	c.bound(time.Time{})
	limitQueue(c.below.Conn)

	m := mux.New(mux.Config{
		Role: mux.Daemon, MaxFrame: params.MaxFrame, Window: params.Window,
		Ping: time.Duration(params.PingSeconds) * time.Second, PingCount: int(params.PingCount),
		Streams: cfg.Streams, AwayLimit: cfg.AwayLimit, Memory: cfg.Memory, Accept: cfg.Accept, RTT: time.Since(came),
		LastRead:  func() time.Time { return time.Unix(0, c.below.lastRead.Load()) },
		LastWrite: func() time.Time { return time.Unix(0, c.below.lastWrite.Load()) },
	})
	if cfg.Admit != nil {
		if no := cfg.Admit(peer, c.below.RemoteAddr()); no != nil {
			m.GoAway(no.Code, no.Text)
		}
	}
	l := start(m, r, c)
	l.Peer, l.Params, l.Pin = peer, params, pin
	return l, nil
}

// refuse answers a peer that is not let in, if its mistake deserves an answer, and drops what it still sends: closing
// with unread input would make the kernel reset the connection and destroy the answer.
func (c *channel) refuse(cause error, came time.Time, cfg ServerConfig) error {
	code, answer := hmacauth.RefusalOf(cause)
	if !answer {
		return cause
	}
	if !came.IsZero() {
		after, jitter := cfg.RefuseAfter, cfg.RefuseJitter
		if after == 0 {
			after = 250 * time.Millisecond
		}
		if jitter == 0 {
			jitter = 50 * time.Millisecond
		}
		if jitter > 0 {
			after += rand.N(jitter)
		}
		time.Sleep(time.Until(came.Add(after)))
	}
	if _, err := c.Write(hmacauth.RefusedFrame(code)); err != nil {
		return errors.Join(&RefusedError{cause}, err)
	}
	_ = c.CloseWrite()
	if tcp, ok := c.below.Conn.(interface{ CloseWrite() error }); ok {
		_ = tcp.CloseWrite()
	}
	_ = c.below.Conn.SetReadDeadline(time.Now().Add(Timeout))
	_, _ = io.Copy(io.Discard, c.below.Conn)
	return &RefusedError{cause}
}
