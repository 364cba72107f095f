package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rexec/frame"
)

// DefaultGrace is the time between Terminate and Kill.
const DefaultGrace = 5 * time.Second

// settleTime replaces the linger behind an ending that was asked for: the dying close what they held within
// milliseconds, and whoever escaped the tree and still holds an output is not worth the full linger.
const settleTime = time.Second

// Config is what Serve needs beside the stream.
type Config struct {
	// Start judges and starts the command. ctx ends with Serve's or with the stream. Either Failure or Process is nil.
	// It may take its time; messages wait until it returns.
	Start func(ctx context.Context, s frame.Start) (Process, frame.Started, *Failure)
	// Grace is the time between Terminate and Kill; 0: DefaultGrace.
	Grace time.Duration
	// OnLost is what START's OnLostDefault means; OnLostDefault: OnLostTree with pipes, OnLostHangup with a terminal.
	OnLost frame.OnLost
	// EndSurvivors ends what a command that ended by itself left behind, after its linger.
	EndSurvivors bool
	// Ended is told the verdict once, before the client is; nil: nobody. It is not called where START never came.
	Ended func(frame.Verdict)
	// Report is told what went wrong without changing the result, such as a signal that could not be sent; nil: nobody.
	Report func(error)
}

// Failure says why nothing ran.
type Failure struct {
	Kind   frame.Kind // frame.StartFailed or frame.Refused
	Code   int64      // 126, 127 or 255 with StartFailed, else 0
	Reason string     // for people; the client shows it
}

// EndError as the cause of Serve's context ends the command and delivers the verdict, of kind frame.Ended. Any other
// cause is a lost viewer.
type EndError struct{ Reason string }

func (e *EndError) Error() string { return "ended by the daemon: " + e.Reason }

// Serve lives one command on st and returns its verdict, also where no client takes it any more: kind Refused if no
// START came. When it returns, its goroutines are gone, the process is released and st is ended by this side.
func Serve(ctx context.Context, st Stream, cfg Config) frame.Verdict {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	life, end := context.WithCancel(context.Background())
	s := &server{st: st, cfg: cfg, phase: opening, step: noStep, life: life,
		msgs: make(chan message), exited: make(chan exit, 1), events: make(chan func()),
		ctxDone: ctx.Done()}
	s.group.Go(s.receive)
	defer s.group.Wait()
	defer end()

	if s.open(ctx) {
		s.run(ctx)
	}
	return s.verdict
}

// server is one command at the daemon. All fields but those with a lock of their own belong to the conductor, the
// goroutine that called Serve; the others reach it through msgs, exited and events.
type server struct {
	st    Stream
	cfg   Config
	start frame.Start
	p     Process // nil: nothing ran
	out   [2]*outlet
	in    *inlet // nil: no stdin

	phase   phase
	verdict frame.Verdict
	lost    bool // this side ended the stream, no message reaches the client
	began   time.Time
	lastSeq uint32 // of SIGNAL

	step    step // of the ending
	first   func() error
	second  func() error
	endKind frame.Kind // what ended the command; 0: it ends by itself
	endWhy  string

	timeout alarm // START's
	linger  alarm // behind the leader's end
	grace   alarm // between the steps of an ending, and behind the last
	poll    alarm // looks whether the tree is empty: no kernel tells of a process group

	pollNext time.Duration

	life    context.Context // ends when Serve does; nobody waits for the conductor longer
	group   sync.WaitGroup
	msgs    chan message // never closed
	exited  chan exit    // one, from the waiter; never closed
	events  chan func()  // run by the conductor; never closed
	inDone  chan struct{}
	ctxDone <-chan struct{}
}

type message struct {
	t   frame.Type
	p   []byte
	err error // the stream's end, after which nothing comes
}

type exit struct {
	code   int64
	signal string
	core   bool
	err    error
}

func (s *server) receive() {
	for {
		t, p, err := s.st.Recv(s.life)
		select {
		case s.msgs <- message{t, p, err}:
		case <-s.life.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// post has the conductor run f, unless Serve is ending.
func (s *server) post(f func()) {
	select {
	case s.events <- f:
	case <-s.life.Done():
	}
}

func (s *server) report(what string, err error) {
	if err != nil && s.cfg.Report != nil {
		s.cfg.Report(fmt.Errorf("session: %s: %w", what, err))
	}
}

// open takes START and starts the command; false: the stream is over.
func (s *server) open(ctx context.Context) bool {
	refuse := func(code frame.Code, text string) bool {
		s.verdict = frame.Verdict{Kind: frame.Refused, Reason: text}
		s.st.Reset(code, text)
		s.phase.move(over)
		return false
	}
	var m message
	for m.t == 0 || m.t >= frame.Skippable {
		select {
		case m = <-s.msgs:
			if m.err != nil {
				s.verdict = frame.Verdict{Kind: frame.Refused, Reason: "no START: " + m.err.Error()}
				_ = s.st.Close()
				s.phase.move(over)
				return false
			}
		case <-s.ctxDone:
			return refuse(frame.CodeGoingAway, context.Cause(ctx).Error())
		}
	}
	switch m.t {
	case frame.TypeStart:
	case frame.TypeAttach:
		return refuse(frame.CodeNotSupported, "this daemon does not resume sessions")
	default:
		return refuse(frame.CodeProtocol, fmt.Sprintf("%v before START", m.t))
	}
	var err error
	if s.start, err = frame.ParseStart(m.p); err != nil {
		return refuse(frame.CodeProtocol, err.Error())
	}

	s.phase.move(starting)
	startCtx, cancel := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(s.st.Context(), func() { cancel(context.Cause(s.st.Context())) })
	s.began = time.Now() // before the start: what the command used counts from its fork on
	p, told, failure := s.cfg.Start(startCtx, s.start)
	unlink()
	cancel(nil)
	if failure != nil {
		s.verdict = frame.Verdict{Kind: failure.Kind, Code: failure.Code, Reason: failure.Reason}
		s.phase.move(delivering)
		s.pump(nil, nil)
		return true
	}
	s.p = p
	s.phase.move(running)
	s.tell(frame.TypeStarted, told.Append(nil))
	if s.start.Timeout > 0 {
		s.timeout.set(time.Duration(s.start.Timeout) * time.Millisecond)
	}
	s.group.Go(func() {
		var e exit
		e.code, e.signal, e.core, e.err = p.Wait()
		s.exited <- e
	})
	if w := p.Stdin(); w != nil {
		s.in, s.inDone = &inlet{st: s.st, dst: w}, make(chan struct{})
		s.group.Go(func() { defer close(s.inDone); s.in.pump(s.life) })
	} else if !s.start.NoStdin {
		s.st.Stop(frame.LaneIn)
	}
	s.pump(p.Stdout(), p.Stderr())
	return true
}

// pump starts both outlets.
func (s *server) pump(out, err Output) {
	probeFor := probeTime
	if s.start.Terminal != nil {
		probeFor = probeTimeTerminal
	}
	s.out = [2]*outlet{newOutlet(s.st, frame.LaneOut, out, probeFor), newOutlet(s.st, frame.LaneErr, err, probeFor)}
	for _, o := range s.out {
		s.group.Go(func() {
			o.pump(s.life, func() { s.post(func() { o.settled = true }) }, func() { s.post(func() { o.flushed = true }) })
		})
	}
}
