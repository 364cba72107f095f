// Package mux runs many streams over one connection: lanes with their own credit, fair turns, and a message path that
// never waits behind data.
//
// It leaves to others what a stream means (session, forward) and how the connection came to be trusted (link). A stream
// has lane 0 for messages and byte lanes: 1 from client to daemon, 2 and 3 from daemon to client, each with absolute
// credit of its own, so that a stalled reader of one stalls no other. PROTOCOL.md says what travels; the life of a
// stream's end is drawn in stream.go.
//
// A connection has three goroutines: the reader, which waits for nothing but the socket; the writer, which puts
// messages before data and gives every lane with data and credit one frame a turn; and the keepalive. Run returns when
// all three have ended.
package mux

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"rexec/frame"
)

// Role is the end of the connection this side is.
type Role uint8

// The roles.
const (
	Client Role = 1
	Daemon Role = 2
)

// Transport is the authenticated connection below. Write gets a batch of whole frames at a time. CloseWrite says to
// the peer that nothing more comes.
type Transport interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetReadDeadline(time.Time) error
}

// Config is what a connection starts with. The zero value of a field means what its comment says.
type Config struct {
	Role      Role
	MaxFrame  uint32        // most bytes of a DATA payload; 0: frame.MaxMaxFrame
	Window    uint32        // first credit of a lane that the daemon receives; 0: 262144
	Ping      time.Duration // silence after which PING is sent; 0: 15 s
	PingCount int           // so many more times Ping of silence and the peer is lost; 0: 3
	Streams   int           // most streams the peer may have open; 0: 256
	RTT       time.Duration // a first idea of the round trip; 0: none, windows do not grow before the first PONG
	AwayLimit time.Duration // most that AWAY is believed; 0: 24 h
	Memory    *Budget       // shared by many connections; nil: this connection's own bound alone

	// Accept judges the kind of a stream the peer opens: nil takes it, an error resets the stream. Accept nil: none.
	Accept func(kind string) *frame.StreamError

	// Guard is deferred by every goroutine of the connection, for a program that has something to put right when one
	// panics; nil: nothing.
	Guard func()

	// Watch is shown every frame that is sent or came, in the order of each direction, by the goroutine that writes or reads:
	// both wait for it. It must not call the connection. payload is nil for DATA that came. nil: nobody watches.
	Watch func(sent bool, h frame.Header, payload []byte)

	// LastRead and LastWrite say when the transport last moved a byte, seen below TLS's records. nil: when a Read or
	// Write of the transport last returned.
	LastRead, LastWrite func() time.Time
}

const (
	defaultWindow  = 256 << 10
	defaultRing    = 256 << 10 // what a sending lane holds without asking the budget, however much the peer would take
	defaultPing    = 15 * time.Second
	defaultAway    = 24 * time.Hour
	defaultStreams = 256
	crossing       = time.Second // what comes so soon behind AWAY was on its way: its sender is gone all the same
	writeStall     = 60 * time.Second
	drainTime      = 10 * time.Second // how long a closing side reads on, so that the kernel sends no RST
	maxQueued      = 16 << 20         // bytes of messages waiting for the socket that this side's callers may queue
	terminalPing   = 5 * time.Second  // what Ping is at most at a client with a terminal: somebody waits for an echo
	maxReplies     = 256 << 10        // bytes of messages that the peer may make us queue
	maxInbox       = 64               // messages of a stream that wait for Recv
	farewellTime   = time.Second      // for a last word to a peer that broke a rule, or from one that takes no more
)

// Conn is one end of a multiplexed connection.
type Conn struct {
	cfg    Config
	memory *Budget
	epoch  time.Time

	mu        sync.Mutex
	streams   map[uint16]*Stream
	peers     int             // streams the peer opened that are still live
	terminals int             // streams that somebody sits in front of and that this side has not ended
	nextID    uint16          // where the search for a free id goes on
	ctl       []byte          // frames of lane 0 and stream 0, waiting for the writer
	awaits    []chan struct{} // closed by the writer when ctl is written
	replies   int             // bytes of ctl that answer the peer
	credits   []*recvLane     // lanes with a CREDIT due
	ready     []*sendLane     // lanes with DATA or EOF due, in turn
	goneAway  *frame.Ending
	going     bool   // we sent GOAWAY
	closing   bool   // Close: write what is queued, then end
	draining  bool   // closing, all is written and the writing side ended: what comes is dropped
	farewell  []byte // a GOAWAY that the writer still sends when err is set
	writeErr  error  // why the writer gave up; the reader still takes what the peer had said by then
	err       *frame.ConnError

	pingSent  time.Duration // when the outstanding PING went out; 0: none
	pingValue uint64
	pongDue   bool // a PONG is in ctl
	pingStale bool // this process was suspended while the PING was out
	pingWait  []chan time.Duration
	pinged    time.Duration // when the last PING went out; 0: none did
	lastRTT   atomic.Int64  // nanoseconds
	trip      roundTrip
	awaySet   time.Time
	awayUntil time.Time
	clock     time.Time // silence and a stalled Write count from here at the earliest

	lastRead  atomic.Int64  // nanoseconds since epoch
	writing   atomic.Int64  // start of the Write under way, nanoseconds since epoch; 0: none
	wake      chan struct{} // one token for the writer
	look      chan struct{} // one token for the keepalive: look earlier than you meant to
	backlog   chan *Stream  // streams the peer opened; as large as the bound on them, so the reader never waits
	ctx       context.Context
	cancel    context.CancelCauseFunc
	idle      chan struct{} // closed when going away and the last stream ended
	idleOnce  sync.Once
	started   bool
	transport Transport
	written   chan struct{} // closed by the writer when it ended
}

// New makes a connection that is not running yet: streams can be opened and messages queued at once; TakeQueued gives
// them to a caller that sends them in a flight of its own, otherwise Run sends them.
func New(cfg Config) *Conn {
	if cfg.MaxFrame == 0 {
		cfg.MaxFrame = frame.MaxMaxFrame
	}
	if cfg.Window == 0 {
		cfg.Window = defaultWindow
	}
	if cfg.Streams == 0 {
		cfg.Streams = defaultStreams
	}
	if cfg.AwayLimit == 0 {
		cfg.AwayLimit = defaultAway
	}
	if cfg.Guard == nil {
		cfg.Guard = func() {}
	}
	c := &Conn{
		cfg:     cfg,
		memory:  &Budget{most: connectionBudget, parent: cfg.Memory},
		epoch:   time.Now(),
		streams: make(map[uint16]*Stream),
		wake:    make(chan struct{}, 1),
		look:    make(chan struct{}, 1),
		backlog: make(chan *Stream, cfg.Streams),
		idle:    make(chan struct{}),
		written: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.SetTimes(cfg.Ping, cfg.PingCount)
	c.sawRTT(cfg.RTT)
	return c
}

// SetTimes and SetLimits take what M4 said, for a connection made before it came. They must not be called after Run.
func (c *Conn) SetTimes(ping time.Duration, count int) {
	if ping == 0 {
		ping = defaultPing
	}
	if count == 0 {
		count = 3
	}
	c.cfg.Ping, c.cfg.PingCount = ping, count
}

// SetLimits takes M4's max_frame.
func (c *Conn) SetLimits(maxFrame uint32) { c.cfg.MaxFrame = maxFrame }

// TakeQueued takes the messages queued so far, whole frames in order, if they are at most limit bytes; otherwise, or
// when there are none, it gives nil and leaves them for Run.
func (c *Conn) TakeQueued(limit int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ctl) == 0 || len(c.ctl) > limit {
		return nil
	}
	b := c.ctl
	c.ctl = nil
	c.tell(b)
	return b
}

// GoAway tells the peer to open no more streams; those that run finish. Idle says when they have.
func (c *Conn) GoAway(code frame.Code, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.going || c.err != nil {
		return
	}
	c.going = true
	c.queue(frame.TypeGoAway, 0, frame.Ending{Code: code, Text: text}.Append(nil))
	c.checkIdle()
}

// GoneAway gives the peer's GOAWAY, or nil.
func (c *Conn) GoneAway() *frame.Ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goneAway
}

// Idle is closed once either side sent GOAWAY and no stream is left.
func (c *Conn) Idle() <-chan struct{} { return c.idle }

// Context is done when the connection has ended; its cause is a *frame.ConnError.
func (c *Conn) Context() context.Context { return c.ctx }

// Streams counts the live ones.
func (c *Conn) Streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

// RTT is the round trip last measured; 0: not yet.
func (c *Conn) RTT() time.Duration { return c.rtt() }

// LastRead is when a byte last came.
func (c *Conn) LastRead() time.Time {
	if c.cfg.LastRead != nil {
		return c.cfg.LastRead()
	}
	return c.epoch.Add(time.Duration(c.lastRead.Load()))
}

// Away tells the peer that this side will be silent for up to d, and that this means nothing. said is closed when that is
// on the wire; the connection may end before.
func (c *Conn) Away(d time.Duration) (said <-chan struct{}) {
	done := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.queue(frame.TypeAway, 0, frame.AppendAway(nil, uint32(min(max(d, 0)/time.Second, 1<<31))))
		c.awaits = append(c.awaits, done)
	}
	return done
}

func (c *Conn) checkIdle() {
	if (c.going || c.goneAway != nil || c.err != nil) && len(c.streams) == 0 {
		c.idleOnce.Do(func() { close(c.idle) })
	}
}

func (c *Conn) now() time.Duration { return time.Since(c.epoch) }
func (c *Conn) rtt() time.Duration { return time.Duration(c.lastRTT.Load()) }

func (c *Conn) wakeWriter() { signal(c.wake) }

// signal leaves a token in a channel of one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// queue appends a message frame to what the writer takes first.
func (c *Conn) queue(t frame.Type, stream uint16, payload []byte) {
	if c.err != nil || c.draining {
		return
	}
	c.ctl = frame.Header{Length: uint32(len(payload)), Type: t, Stream: stream}.Append(c.ctl)
	c.ctl = append(c.ctl, payload...)
	c.wakeWriter()
}

// reply queues what the peer made us say, and ends the connection of a peer that asks and does not read.
func (c *Conn) reply(t frame.Type, stream uint16, payload []byte) error {
	c.replies += frame.HeaderSize + len(payload)
	if c.replies > maxReplies {
		return &frame.ConnError{Code: frame.CodeOverload, Text: fmt.Sprintf("%d bytes of answers that the other side does not read", c.replies)}
	}
	c.queue(t, stream, payload)
	return nil
}

// protocolf is the end of a connection whose peer broke a rule.
func protocolf(format string, args ...any) *frame.ConnError {
	return &frame.ConnError{Code: frame.CodeProtocol, Text: fmt.Sprintf(format, args...)}
}
