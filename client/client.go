// Package client runs commands on a rexec daemon, shaped like os/exec.
//
//	c := client.New(client.Config{Address: "lab1:7522", KeyID: "admin", ServerID: "lab1", Secret: secret})
//	defer c.Close()
//	out, err := c.Shell(ctx, "uname -a").Output()
//
// It leaves to others terminals, flags, files with keys, and the process's own stdin, environment and signals: a caller
// passes in what a command is to have. Cancelling a command's context ends its whole tree on the daemon's side.
//
// What went wrong can be told apart: *ExitError, the command itself failed; *RefusedError, policy said no;
// *ConnectError, nothing was started; *UnknownError, the connection ended before the result was in, so the command may
// have run; *LocalError, this side could not read its input or write the output.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/link"
)

// Config says whom to call and as whom.
type Config struct {
	Address  string          // host:port to dial
	KeyID    string          // of the key
	ServerID string          // the name the daemon must go by
	Secret   hmacauth.Secret // the key's

	// Pin is SHA-256 of the daemon's certificate. nil: the first contact; Pinned then gets what was seen, after the
	// daemon has proved that it holds the key.
	Pin    []byte
	Pinned func(pin [32]byte) // nil: nobody

	ConnectTimeout time.Duration // bounds TCP, and then TLS with the proofs; 0: 10 s each
	Ping           time.Duration // silence after which the daemon is asked for a sign of life; 0: as the daemon says
	PingCount      int           // unanswered times Ping until the connection is given up; 0: as the daemon says

	// Guard is deferred by every goroutine that this package starts, for a program that has something to put right when
	// one panics, such as its terminal. It is called at every such goroutine's end, and must call recover itself. nil:
	// nothing.
	Guard func()

	// Dial makes the connection below TLS; nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Connected is called once the daemon has proved itself; nil: nothing is.
	Connected func()
	// Trace is told the story of a connection in lines for people, from several goroutines; nil: nobody.
	Trace func(format string, args ...any)
	// TraceLevel is how much of it: 1, and 0, the steps; 2, the parameters too; 3, every message.
	TraceLevel int
}

// FromToken takes KeyID, ServerID, Secret, Pin and Address from a token. serverID names the daemon for a lab token, which
// holds for many; empty: the token's.
func FromToken(tok hmacauth.Token, serverID string) (Config, error) {
	if serverID == "" {
		serverID = tok.ServerID
	}
	cred, err := tok.Credentials(serverID)
	if err != nil {
		return Config{}, err
	}
	return Config{Address: tok.Address, KeyID: cred.KeyID, ServerID: cred.ServerID, Secret: cred.Secret, Pin: tok.Pin}, nil
}

// Client is a connection to one daemon, made when the first command starts. Its methods may be called from any
// goroutine.
type Client struct {
	cfg Config

	mu     sync.Mutex // also held while connecting: whoever comes meanwhile waits for the same link
	link   *link.Link
	story  *story    // from then on
	told   sync.Once // the story's end
	err    error     // of the one attempt to connect
	closed bool
}

// New makes a client; nothing is dialled yet.
func New(cfg Config) *Client { return &Client{cfg: cfg} }

// Dial connects now, for a caller that wants to know before its first command. A command that is there already starts
// one round trip earlier with New.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c := New(cfg)
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Connect connects now, unless that was done.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.connect(ctx, nil)
	return err
}

// Close ends the connection and with it whatever still runs on it. It waits until what was said is written.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.link == nil {
		return nil
	}
	c.link.Close()
	err := c.link.Wait()
	sent, received := c.link.Moved()
	c.told.Do(func() { c.story.end(sent, received, c.link.RTT()) })
	return err
}

// Wait returns when the connection has ended: nil after Close, or where there never was one, else why.
func (c *Client) Wait() error {
	l := c.connected()
	if l == nil {
		return nil
	}
	return l.Wait()
}

// RTT is the round trip last measured; 0: not connected.
func (c *Client) RTT() time.Duration {
	if l := c.connected(); l != nil {
		return l.RTT()
	}
	return 0
}

// Ping measures a round trip.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	l := c.connected()
	if l == nil {
		return 0, &ConnectError{Address: c.cfg.Address, Err: net.ErrClosed}
	}
	return l.Ping(ctx)
}

// Silence is how long nothing has come from the daemon, which is asked for a sign of life after Config.Ping, and with a
// terminal after 5 s; 0: not connected.
func (c *Client) Silence() time.Duration {
	if l := c.connected(); l != nil {
		return l.Silence()
	}
	return 0
}

// Remote is the daemon's address; nil: not connected.
func (c *Client) Remote() net.Addr {
	if l := c.connected(); l != nil {
		return l.Remote
	}
	return nil
}

// Away says that this process is about to be suspended for up to d: the daemon does not take its silence for a lost
// connection. It returns when that is on the wire, at the latest after a second. Nothing should be sent behind it.
func (c *Client) Away(d time.Duration) {
	l := c.connected()
	if l == nil {
		return
	}
	soon := time.NewTimer(time.Second)
	defer soon.Stop()
	select {
	case <-l.Away(d):
	case <-l.Context().Done():
	case <-soon.C:
	}
}

// Resume says that this process was suspended, and is no more: silence counts from now, and the daemon hears of it.
func (c *Client) Resume() {
	if l := c.connected(); l != nil {
		l.Resume()
	}
}

func (c *Client) connected() *link.Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// connect gives the link and makes it if there is none. first opens the first stream; it rides with the proofs where the
// daemon is pinned, and it is called only if this call made the link: made says so.
func (c *Client) connect(ctx context.Context, first func(*link.Conn) error) (made bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false, &ConnectError{Address: c.cfg.Address, Err: net.ErrClosed}
	case c.err != nil:
		return false, c.err
	case c.link != nil:
		return false, nil
	}
	c.link, c.err = c.dial(ctx, first)
	return true, c.err
}

func (c *Client) dial(ctx context.Context, first func(*link.Conn) error) (*link.Link, error) {
	cfg := c.cfg
	c.story = newStory(cfg)
	timeout := cfg.ConnectTimeout
	if timeout == 0 {
		timeout = link.Timeout
	}
	c.story.say(1, "connecting to %s", cfg.Address)
	nc, err := c.dialBelow(ctx, timeout)
	if err != nil {
		return nil, &ConnectError{Address: cfg.Address, Err: dialCause(ctx, err, timeout)}
	}
	c.story.say(1, "connected to %s after %v", nc.RemoteAddr(), c.story.after())
	c.story.say(2, "from %s, with %v for TLS and the proofs", nc.LocalAddr(), timeout)
	l, err := link.Client(ctx, nc, link.ClientConfig{
		Credentials: hmacauth.Credentials{KeyID: cfg.KeyID, ServerID: cfg.ServerID, Secret: cfg.Secret},
		Pin:         cfg.Pin, Timeout: timeout, Ping: cfg.Ping, PingCount: cfg.PingCount, First: first,
		Guard: cfg.Guard, Trace: c.story.trace(), Watch: c.story.watch(),
	})
	if err != nil {
		return nil, c.linkError(err)
	}
	c.story.say(1, "%s proved that it holds key %q and is %q, after %v; a round trip takes %v", nc.RemoteAddr(), cfg.KeyID, cfg.ServerID,
		c.story.after(), l.RTT().Round(10*time.Microsecond))
	if cfg.Pin == nil && cfg.Pinned != nil {
		cfg.Pinned(l.Pin)
	}
	if cfg.Connected != nil {
		cfg.Connected()
	}
	return l, nil
}

func (c *Client) dialBelow(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.cfg.Dial != nil {
		return c.cfg.Dial(ctx, c.cfg.Address)
	}
	d := net.Dialer{KeepAlive: -1} // that is the protocol's own business
	d.Control = func(_, address string, _ syscall.RawConn) error {
		c.story.say(2, "trying %s", address)
		return nil
	}
	return d.DialContext(ctx, "tcp", c.cfg.Address)
}

// dialCause gives the words below net.OpError's address, which ConnectError says already.
func dialCause(ctx context.Context, err error, timeout time.Duration) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) { // whichever saw it first
		return fmt.Errorf("no answer within %v: %w", timeout, os.ErrDeadlineExceeded)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func (c *Client) linkError(err error) error {
	var refused *hmacauth.RefusedError
	var pin *link.PinError
	var le *link.ClientError
	ce := &ConnectError{Address: c.cfg.Address, Err: err}
	switch {
	case errors.As(err, &refused):
		ce.Refused = true
	case errors.As(err, &pin):
		ce.PinChanged = true
	case errors.As(err, &le) && le.Stage == link.StageUnknown:
		return &UnknownError{Err: le.Err}
	}
	return ce
}

// gone gives the daemon's GOAWAY where it was a refusal by policy.
func (c *Client) gone() *RefusedError {
	l := c.connected()
	if l == nil {
		return nil
	}
	if g := l.GoneAway(); g != nil && g.Code == frame.CodeRefused {
		return &RefusedError{Reason: g.Text}
	}
	return nil
}
