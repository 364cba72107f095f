package session

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"rexec/frame"
)

// CancelWait is how long after its context's end the client waits for the verdict of the CANCEL it sent: the daemon's
// grace, and time for the rest.
const CancelWait = DefaultGrace + 2*time.Second

// IO is this side's end of the byte lanes.
type IO struct {
	// Stdin is read until its end, in a goroutine that Wait does not wait for: a Read that blocks may outlive the
	// command, and what it gives then is lost. nil: START says that there is no stdin.
	Stdin io.Reader
	// Stdout and Stderr are each written by one goroutine; nil: read and dropped, and still counted. Where both are the
	// same writer, it must stand two goroutines.
	Stdout, Stderr io.Writer
	// Guard is deferred by every goroutine, for a program that has something to put right when one panics; nil: nothing.
	Guard func()
}

// Client is one command at the client. Its methods may be called from any goroutine.
type Client struct {
	st  Stream
	io  IO
	ctx context.Context

	begun    chan struct{} // closed by the conductor: STARTED came
	finished chan struct{} // closed by the conductor: result and err stand
	result   Result        // the conductor's until finished
	err      error         // likewise

	stage  stage           // the conductor's
	local  *LocalError     // the conductor's; the first one
	life   context.Context // ends with the conductor; nobody waits for it longer
	events chan func()     // run by the conductor; never closed
	open   int             // the conductor's; output lanes not yet read and written to their end

	failed   error         // the conductor's; the stream is over without a verdict to believe
	hopeless chan struct{} // closed with failed
	cutShort error         // the conductor's; an output lane ended without EOF

	mu    sync.Mutex // of what follows
	seq   uint32     // of SIGNAL
	sent  int        // messages behind START
	ended bool       // the verdict is in: nothing reaches the command any more
}

// Start sends START on a stream that nothing was sent on and lets the bytes flow; Wait must follow. The end of ctx sends
// CANCEL. s.NoStdin is set where io.Stdin is nil, and keeps io.Stdin from being read where it was set already. An error
// means that nothing was sent.
func Start(ctx context.Context, st Stream, s frame.Start, io IO) (*Client, error) {
	if io.Stdin == nil {
		s.NoStdin = true
	}
	if io.Guard == nil {
		io.Guard = func() {}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := st.Send(frame.TypeStart, s.Append(nil)); err != nil {
		return nil, err
	}
	c := &Client{st: st, io: io, ctx: ctx, stage: waiting, open: 2, begun: make(chan struct{}),
		finished: make(chan struct{}), hopeless: make(chan struct{}), events: make(chan func())}
	go c.run(s.NoStdin)
	return c, nil
}

// Begun is closed when STARTED came: the command runs.
func (c *Client) Begun() <-chan struct{} { return c.begun }

// Done is closed when Wait no longer waits.
func (c *Client) Done() <-chan struct{} { return c.finished }

// Started gives STARTED once Begun is closed, nil before.
func (c *Client) Started() *frame.Started {
	select {
	case <-c.begun:
		return c.result.Started
	default:
		return nil
	}
}

// Wait waits for the verdict and until everything that came is written. A nil error means that Result.Verdict is true
// and both outputs are whole, but for those this side stopped because their reader was gone (EPIPE). Otherwise it is a
// *LocalError, the verdict being known; a *frame.StreamError where nothing ran; or an *UnknownError.
func (c *Client) Wait() (Result, error) {
	<-c.finished
	return c.result, c.err
}

// Signal sends the signal of that name, without SIG, to the command's group; os.ErrProcessDone once the verdict is in.
func (c *Client) Signal(name string) error {
	if err := (frame.Signal{Seq: 1, Name: name}).Validate(); err != nil {
		return err
	}
	return c.send(frame.TypeSignal, func() []byte {
		c.seq++
		return frame.Signal{Seq: c.seq, Name: name}.Append(nil)
	})
}

// Resize tells the remote terminal its new size; os.ErrProcessDone once the verdict is in.
func (c *Client) Resize(size frame.Size) error {
	return c.send(frame.TypeResize, func() []byte { return size.Append(nil) })
}

// Cancel asks for the end of the whole tree; the verdict still comes. os.ErrProcessDone once it is in.
func (c *Client) Cancel(reason frame.CancelReason) error {
	return c.send(frame.TypeCancel, func() []byte { return []byte{byte(reason)} })
}

func (c *Client) send(t frame.Type, payload func() []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return os.ErrProcessDone
	}
	c.sent++
	return c.st.Send(t, payload())
}

// run is the conductor.
func (c *Client) run(noStdin bool) {
	defer c.io.Guard()
	var (
		group  sync.WaitGroup
		end    context.CancelFunc
		msgs   = make(chan message)
		giveUp alarm
	)
	c.life, end = context.WithCancel(context.Background())
	stopped := c.st.Stopped(frame.LaneIn)
	if noStdin {
		stopped = nil
	} else {
		go c.sendInput()
	}
	group.Go(func() {
		defer c.io.Guard()
		c.receive(msgs)
	})
	go c.deliver(frame.LaneOut, c.io.Stdout)
	go c.deliver(frame.LaneErr, c.io.Stderr)

	ctxDone := c.ctx.Done()
	for c.stage != done {
		select {
		case m := <-msgs:
			c.message(m)
		case f := <-c.events:
			f()
		case <-stopped:
			stopped = nil
			_ = c.st.CloseLane(frame.LaneIn)
		case <-ctxDone:
			ctxDone = nil
			_ = c.Cancel(frame.CancelCaller)
			giveUp.set(CancelWait)
		case <-giveUp.c():
			c.fail(frame.CodeCanceled, &UnknownError{context.Cause(c.ctx)})
			c.open = 0 // a writer that blocks is not waited for
		}
		c.advance()
	}
	giveUp.off()
	end()
	group.Wait()
	c.result.In = c.st.Sent(frame.LaneIn)
	c.result.Out, c.result.Err = c.st.Received(frame.LaneOut), c.st.Received(frame.LaneErr)
	close(c.finished)
}

func (c *Client) receive(msgs chan<- message) {
	for {
		t, p, err := c.st.Recv(c.life)
		select {
		case msgs <- message{t, p, err}:
		case <-c.life.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// post has the conductor run f, unless the life is over.
func (c *Client) post(f func()) {
	select {
	case c.events <- f:
	case <-c.life.Done():
	}
}

// message is one of the daemon's.
func (c *Client) message(m message) {
	if c.stage == judged || c.failed != nil {
		return // nothing that follows the verdict counts, the loss of the connection neither
	}
	if m.err == io.EOF {
		c.broken(violation("the daemon closed the stream without VERDICT"))
		return
	}
	if m.err != nil {
		c.fail(frame.CodeNone, c.meaning(m.err))
		return
	}
	switch {
	case m.t >= frame.Skippable:
	case m.t == frame.TypeStarted && c.stage == waiting:
		told, err := frame.ParseStarted(m.p)
		if err != nil || told.Offsets != [3]uint64{} {
			c.broken(violation("STARTED is wrong: offsets %v, %v", told.Offsets, err))
			return
		}
		c.result.Started = &told
		c.stage.move(started)
		close(c.begun)
	case m.t == frame.TypeVerdict:
		v, err := frame.ParseVerdict(m.p)
		switch {
		case err != nil:
			c.broken(violation("%v", err))
		case v.Kind.Ran() != (c.stage == started):
			c.broken(violation("VERDICT %v while %v", v.Kind, c.stage))
		case !closed(c.st.EOFSeen(frame.LaneOut)) || !closed(c.st.EOFSeen(frame.LaneErr)):
			c.broken(violation("VERDICT before the outputs' EOF"))
		case !v.Kind.Ran() && c.st.Received(frame.LaneOut)+c.st.Received(frame.LaneErr) > 0:
			c.broken(violation("VERDICT %v, and yet it printed", v.Kind))
		default:
			c.result.Verdict = v
			c.mu.Lock()
			c.ended = true
			c.mu.Unlock()
			c.stage.move(judged)
		}
	default:
		c.broken(violation("%v while %v", m.t, c.stage))
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// maxMessages is the multiplexer's bound on a stream's messages that were not taken yet.
const maxMessages = 64

// meaning tells the ends of a stream at which certainly nothing ran from the others.
func (c *Client) meaning(err error) error {
	var reset *frame.StreamError
	if c.stage == waiting && errors.As(err, &reset) && reset.Remote {
		switch reset.Code {
		case frame.CodeUnknownKind, frame.CodeNotSupported, frame.CodeGoingAway, frame.CodeRefused:
			return reset
		case frame.CodeOverload:
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.sent < maxMessages-1 {
				return reset // too many streams, it cannot have been this one's messages
			}
		}
	}
	return &UnknownError{err}
}

// broken ends the stream because the daemon broke a rule.
func (c *Client) broken(err error) { c.fail(frame.CodeProtocol, &UnknownError{err}) }

// fail ends the stream without a verdict to believe; the first reason counts. What came before is still written.
func (c *Client) fail(code frame.Code, err error) {
	if c.failed != nil {
		return
	}
	c.failed = err
	close(c.hopeless)
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	if code == frame.CodeNone {
		_ = c.st.Close()
		return
	}
	var reset *frame.StreamError
	text := ""
	if errors.As(err, &reset) {
		text = reset.Text
	}
	c.st.Reset(code, text)
}

// advance ends the life when everything that came is written.
func (c *Client) advance() {
	if c.open > 0 || c.failed == nil && c.stage != judged {
		return
	}
	if c.failed == nil {
		c.compare()
	}
	switch {
	case c.failed != nil:
		c.err = c.failed
	case c.local != nil:
		c.err = c.local
	}
	if c.failed == nil {
		_ = c.st.Send(frame.TypeVerdictAck, nil) // the verdict is in, whatever happens to the stream now
		_ = c.st.Close()
	}
	c.stage.move(done)
}

// compare refuses a verdict whose counts are not what came.
func (c *Client) compare() {
	if c.cutShort != nil {
		c.fail(frame.CodeInternal, &UnknownError{c.cutShort})
	}
	v := c.result.Verdict
	for _, l := range [...]struct {
		lane    uint8
		stopped bool
		said    uint64
	}{{frame.LaneOut, c.result.StoppedOut, v.Out}, {frame.LaneErr, c.result.StoppedErr, v.Err}} {
		if came := c.st.Received(l.lane); !l.stopped && came != l.said {
			c.broken(violation("VERDICT counts %d bytes on lane %d, %d came", l.said, l.lane, came))
		}
	}
}
