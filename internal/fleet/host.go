package fleet

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/invoke"
	"rexec/session"
)

// closeTime bounds the goodbye to a host that takes nothing any more.
const closeTime = time.Second

// host is one attempt, in a goroutine of its own.
func (e *engine) host(ctx context.Context, i int, p *place) {
	defer e.guard()
	h := e.Hosts[i]
	cfg := h.Config
	if cfg.Guard == nil {
		cfg.Guard = e.guard
	}
	cfg.Dial = p.dialler(cfg.Dial)
	c := e.Keep.take(h.Name)
	if c == nil {
		c = client.New(cfg)
	}
	a := &attempt{engine: e, i: i, host: h}
	err := a.run(ctx, c)
	p.settle()
	if errors.Is(err, errLater) && ctx.Err() == nil {
		e.tell(event{host: i, what: late})
	} else {
		r := judged(h, a.cmd, err, context.Cause(ctx))
		r.Status.BytesIn -= min(r.Status.BytesIn, a.become.given()) // its length is nobody's business
		if words := a.become.complaint(); words != "" && r.State == Failed {
			r.Words, r.Status.Error = words, words
		}
		r.tried = true
		e.View.Ended(r)
		e.tell(event{host: i, what: finished, result: r})
	}
	if !e.Keep.give(h.Name, c) {
		closeSoon(c)
	}
}

// closeSoon ends the connection once what was said is written.
func closeSoon(c *client.Client) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
}

// attempt is one command on one host.
type attempt struct {
	*engine
	i      int
	host   Host
	cmd    *client.Cmd
	become *conversation // nil: none

	once     sync.Once
	out, err Sink // nil until it started
}

// run carries it out; everything that came is in the sinks then.
func (a *attempt) run(ctx context.Context, c *client.Client) error {
	a.cmd = a.Command(ctx, c, a.host)
	if !a.Verbatim {
		if err := substitute(a.cmd, a.host); err != nil {
			return err
		}
	}
	if err := invoke.Speak(a.cmd, a.host.Encoding); err != nil {
		return err
	}
	a.cmd.Stdout, a.cmd.Stderr = half{a, frame.LaneOut}, half{a, frame.LaneErr}
	begun := make(chan struct{})
	if a.input != nil {
		t := a.input.tap()
		defer t.Close()
		a.cmd.Stdin = t
		if a.Text {
			a.cmd.Stdin = &encoded{choice: a.host.Encoding, src: t, begun: begun, info: a.cmd.Info}
		}
	}
	if a.Become != nil {
		a.become = a.Become.wrap(a.cmd)
		defer a.become.close()
	}
	err := a.cmd.Start()
	if err != nil {
		close(begun)
		return err
	}
	select {
	case <-a.cmd.Started():
		a.tell(event{host: a.i, what: began}) // first: who is shown that it runs may ask what does
		a.open()
	case <-a.cmd.Done():
	}
	close(begun)
	err = a.cmd.Wait()
	if a.cmd.Info() == nil {
		return err
	}
	a.open()
	if cerr := errors.Join(a.become.end(), a.out.End(), a.err.End()); cerr != nil && err == nil && !brokenPipe(cerr) {
		err = &client.LocalError{Result: a.cmd.Result(), Err: cerr}
	}
	return err
}

// open asks where the output goes, once STARTED has said what it is.
func (a *attempt) open() {
	a.once.Do(func() { a.out, a.err = a.View.Started(a.host, a.cmd.Info()) })
}

// half is one of an attempt's outputs.
type half struct {
	a    *attempt
	lane uint8
}

func (h half) Write(p []byte) (int, error) {
	h.a.open()
	if h.lane == frame.LaneErr {
		return h.a.err.Write(p)
	}
	return h.a.out.Write(p)
}

// judged makes a result. cause is why this side ended the attempt; nil: it did not.
func judged(h Host, cmd *client.Cmd, err, cause error) Result {
	var known session.Result
	if cmd != nil {
		known = cmd.Result()
	}
	var exit *client.ExitError
	var local *client.LocalError
	switch {
	case errors.As(err, &exit):
		known = exit.Result
	case errors.As(err, &local):
		known = local.Result
	}
	j := invoke.Judge(h.Name, known, err)
	r := Result{Host: h, State: state(err, cause), Code: j.Code, Words: j.Words, Status: j.Status, deaf: known.StoppedOut || known.StoppedErr}
	var by interruption
	switch {
	case r.State == TimedOut && errors.Is(cause, errTotal):
		r.Code, r.Words = invoke.ExitTimeout, cause.Error()
		r.Status.Exit, r.Status.Error, r.Status.ErrorClass = r.Code, r.Words, "ended"
	case (r.State == Interrupted || r.State == NotStarted) && errors.As(cause, &by):
		r.Words = ""
		r.Code = invoke.ExitCode(&invoke.Interrupted{Signal: by.Signal}, false)
		r.Status.Exit, r.Status.Error, r.Status.ErrorClass = r.Code, "", "interrupted"
	case r.State == NotStarted:
		r.Words = ""
		r.Status.Error, r.Status.ErrorClass = cause.Error(), "skipped"
	}
	return r
}

func state(err, cause error) State {
	var exit *client.ExitError
	var connect *client.ConnectError
	var unknown *client.UnknownError
	var by interruption
	total, interrupted, skipped := errors.Is(cause, errTotal), errors.As(cause, &by), errors.Is(cause, errSkipped) || errors.Is(cause, errDeaf)
	switch {
	case err == nil:
		return OK
	case errors.As(err, &unknown):
		return Unknown
	case errors.As(err, &exit):
		switch kind := exit.Result.Verdict.Kind; {
		case kind == frame.TimedOut, kind == frame.Canceled && total:
			return TimedOut
		case kind == frame.Canceled && interrupted:
			return Interrupted
		}
	case errors.As(err, &connect):
		switch {
		case total:
			return TimedOut
		case interrupted || skipped:
			return NotStarted
		}
		return Unreachable
	}
	return Failed
}

// brokenPipe reports that whoever read our output has gone.
func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
