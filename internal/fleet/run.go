package fleet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"rexec/client"
	"rexec/internal/invoke"
	"rexec/session"
)

// Causes of a host's end that are this side's.
var (
	errTotal   = errors.New("the time for all hosts ran out")
	errSkipped = errors.New("not started: a host before it was not ok")
	errDeaf    = errors.New("not started: nobody reads the output any more")
	errGaveUp  = errors.New("gave up waiting for the result")
)

// interruption is a signal that ended all.
type interruption struct{ os.Signal }

func (i interruption) Error() string { return "interrupted" }

// secondTime is within which a signal that comes twice means: end all of it.
const secondTime = time.Second

// engine is a Run while it runs. Its fields belong to the conductor, the goroutine in Do; hosts reach it through events.
type engine struct {
	*Run
	ctx     context.Context
	guard   func()
	width   int      // of the window
	results []Result // State 0: has not ended
	input   *broadcast
	events  chan event    // never closed
	over    chan struct{} // closed when nobody takes events any more
	hosts   sync.WaitGroup
	said    chan string // lines for Say; closed by Do

	next    int                             // the first host that was not begun yet
	upTo    int                             // hosts before it may be begun: the canaries, then all
	again   []int                           // hosts that answered late; before all others
	cancels map[int]context.CancelCauseFunc // of the hosts that were begun and have not ended
	inside  int                             // of these, in the window
	outside map[int]bool                    // of these, without a sign of life and outside of it
	running map[int]bool                    // of these, started
	done    int                             // hosts with a result
	notOK   int                             // of these
	stopped error                           // no further host is begun, and why; nil: go on

	last  os.Signal // that came
	at    time.Time // when it came
	ended time.Time // when all was told to end; zero: not
}

// event is what a host tells the conductor.
type event struct {
	host   int
	what   happening
	answer chan bool // to left and back
	result Result    // of finished
}

type happening uint8

const (
	left     happening = 1 // wants to wait outside
	back     happening = 2 // has answered and wants to go on
	began    happening = 3 // its command runs
	late     happening = 4 // is to be connected to anew
	finished happening = 5
)

// Do runs it all and gives a result for each host, in the order of Hosts. A signal that is not nil ended it, and is what
// the caller should die of when it has cleaned up.
func (r *Run) Do(ctx context.Context) ([]Result, os.Signal) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.Total > 0 {
		late := time.AfterFunc(r.Total, func() { cancel(errTotal) })
		defer late.Stop()
	}
	e := &engine{Run: r, ctx: ctx, width: cmp.Or(r.Fanout, DefaultFanout), results: make([]Result, len(r.Hosts)),
		events: make(chan event), over: make(chan struct{}), said: make(chan string, 8), upTo: len(r.Hosts),
		cancels: map[int]context.CancelCauseFunc{}, outside: map[int]bool{}, running: map[int]bool{}}
	if e.guard = r.Guard; e.guard == nil {
		e.guard = func() {}
	}
	if r.Canary > 0 {
		e.upTo = min(r.Canary, len(r.Hosts))
	}
	if r.Stdin != nil {
		e.input = newBroadcast(r.Stdin)
		defer e.input.close()
	}
	var talking sync.WaitGroup
	if r.Say != nil {
		talking.Go(func() {
			defer e.guard()
			for line := range e.said {
				r.Say("%s", line)
			}
		})
	}
	whole := e.conduct(cancel)
	close(e.over)
	close(e.said)
	if whole { // else whatever hangs is left where it is
		e.settle(cancel, &talking)
	}
	for i := range e.results {
		if e.results[i].State == 0 {
			e.results[i] = e.without(i)
		}
	}
	var by interruption
	if errors.As(e.stopped, &by) {
		return e.results, by.Signal
	}
	return e.results, nil
}

// Preview is what a host would run, as a person would write it. It is also how to find out beforehand that a substitution
// makes no sense.
func (r *Run) Preview(h Host) (string, error) {
	c := client.New(h.Config)
	cmd := r.Command(context.Background(), c, h)
	if !r.Verbatim {
		if err := substitute(cmd, h); err != nil {
			return "", err
		}
	}
	switch {
	case cmd.Argv != nil:
		return quote(cmd.Argv), nil
	case len(cmd.Systems) == 0:
		return cmd.Line, nil
	}
	var words []string
	for _, os := range slices.Sorted(maps.Keys(cmd.Systems)) {
		words = append(words, os+": "+cmd.Systems[os])
	}
	if cmd.Line != "" {
		words = append(words, "others: "+cmd.Line)
	}
	return strings.Join(words, "; "), nil
}

// conduct begins hosts and takes what they tell. It returns true when all have ended, false if nobody wants to wait.
func (e *engine) conduct(cancel context.CancelCauseFunc) bool {
	done := e.ctx.Done()
	for {
		e.begin()
		e.show()
		if len(e.cancels) == 0 && (e.stopped != nil || e.next == len(e.Hosts)) {
			return true
		}
		select {
		case ev := <-e.events:
			e.take(ev)
		case <-done:
			done = nil
			e.stop(context.Cause(e.ctx))
		case s := <-e.Signals:
			if e.signal(s, cancel) {
				return false
			}
		}
	}
}

// settle waits for goroutines that have nothing more to tell, unless a signal says that nobody wants to.
func (e *engine) settle(cancel context.CancelCauseFunc, talking *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.hosts.Wait()
		talking.Wait()
	}()
	for {
		select {
		case <-done:
			return
		case s := <-e.Signals:
			if e.signal(s, cancel) {
				return
			}
		}
	}
}

// begin fills the window.
func (e *engine) begin() {
	for e.stopped == nil && e.inside < e.width {
		i, anew := e.next, len(e.again) > 0
		switch {
		case anew:
			i, e.again = e.again[0], e.again[1:]
		case e.next < e.upTo:
			e.next++
		default:
			return
		}
		ctx, cancel := context.WithCancelCause(e.ctx)
		e.cancels[i] = cancel
		e.inside++
		p := &place{kernel: kernelPatience, daemon: daemonPatience}
		if e.patience != nil {
			p.kernel, p.daemon = e.patience(i)
		}
		if !anew { // who was late once keeps its place
			p.leave, p.back = e.asker(i, left), e.asker(i, back)
		}
		e.hosts.Go(func() { e.host(ctx, i, p) })
	}
}

// asker asks the conductor on behalf of a host.
func (e *engine) asker(host int, what happening) func() bool {
	return func() bool {
		answer := make(chan bool, 1)
		return e.tell(event{host: host, what: what, answer: answer}) && <-answer
	}
}

// tell reports whether the conductor took it.
func (e *engine) tell(ev event) bool {
	select {
	case e.events <- ev:
		return true
	case <-e.over:
		return false
	}
}

func (e *engine) take(ev event) {
	switch ev.what {
	case left:
		may := len(e.outside) < maxOutside
		if may {
			e.outside[ev.host] = true
			e.inside--
		}
		ev.answer <- may
	case back:
		may := e.stopped == nil && e.inside < e.width
		if may {
			delete(e.outside, ev.host)
			e.inside++
		}
		ev.answer <- may
	case began:
		e.running[ev.host] = true
	case late:
		e.leave(ev.host)
		e.again = append(e.again, ev.host)
	case finished:
		e.leave(ev.host)
		e.results[ev.host] = ev.result
		e.done++
		e.judge(ev.result)
	}
}

// leave is the end of an attempt.
func (e *engine) leave(host int) {
	e.cancels[host](nil)
	delete(e.cancels, host)
	delete(e.running, host)
	if e.outside[host] {
		delete(e.outside, host)
	} else {
		e.inside--
	}
}

// judge decides what a host's end means for the others.
func (e *engine) judge(r Result) {
	if r.State != OK {
		e.notOK++
	}
	if r.deaf {
		e.stop(errDeaf)
	}
	canaries := e.upTo < len(e.Hosts)
	if r.State != OK {
		if canaries || e.FailFast {
			e.stop(errSkipped)
		}
		return
	}
	waited := func(r Result) bool { return r.State == 0 }
	if canaries && !slices.ContainsFunc(e.results[:e.upTo], waited) {
		e.upTo = len(e.Hosts)
	}
}

// stop begins with no further host; of those that were begun, it lets go the ones that did not even answer.
func (e *engine) stop(cause error) {
	var by interruption
	if e.stopped == nil || errors.Is(cause, errTotal) || errors.As(cause, &by) {
		e.stopped = cause
	}
	for i := range e.outside {
		e.cancels[i](cause)
	}
}

// show tells how things stand.
func (e *engine) show() {
	if e.Progress != nil {
		e.Progress.set(Count{Hosts: len(e.Hosts), Begun: e.done + len(e.cancels), Done: e.done, NotOK: e.notOK})
	}
}

// signal acts on one. It reports true if whoever sits here waits no longer.
func (e *engine) signal(s os.Signal, cancel context.CancelCauseFunc) (leave bool) {
	now := time.Now()
	twice := e.last == s && now.Sub(e.at) <= secondTime
	e.last, e.at = s, now
	switch {
	case !e.ended.IsZero():
		return now.Sub(e.ended) > secondTime
	case s == os.Interrupt && !twice:
		e.sayRunning()
	default:
		e.ended = now
		cancel(interruption{s})
		e.say("ending all of it, on the hosts too")
	}
	return false
}

// sayRunning is the answer to ^C.
func (e *engine) sayRunning() {
	var running, connecting []string
	for i := range e.cancels {
		if e.running[i] {
			running = append(running, e.Hosts[i].Name)
		} else {
			connecting = append(connecting, e.Hosts[i].Name)
		}
	}
	line := "nothing runs yet"
	if len(running) > 0 {
		line = countOf(len(running)) + " running: " + fold(running)
	}
	if len(connecting) > 0 {
		line += "; " + countOf(len(connecting)) + " connecting: " + fold(connecting)
	}
	if n := len(e.Hosts) - e.next + len(e.again); n > 0 {
		line += "; " + countOf(n) + " not begun"
	}
	e.say(line + "; ^C twice within a second ends all")
}

// say never waits: a terminal that stands still must not keep anybody from ending it all.
func (e *engine) say(line string) {
	select {
	case <-e.over: // said is closed
	default:
		select {
		case e.said <- line:
		default:
		}
	}
}

// without is the result of a host that has none.
func (e *engine) without(i int) Result {
	h := e.Hosts[i]
	var by interruption
	r := Result{Host: h, State: NotStarted}
	switch {
	case e.cancels[i] != nil: // nobody waits for it any more
		return judged(h, nil, &client.UnknownError{Err: errGaveUp}, nil)
	case errors.As(e.stopped, &by):
		j := invoke.Judge(h.Name, session.Result{}, &invoke.Interrupted{Signal: by.Signal})
		r.Code, r.Status = j.Code, j.Status
	default:
		j := invoke.Judge(h.Name, session.Result{}, e.stopped)
		r.Code, r.Status = j.Code, j.Status
		r.Status.ErrorClass = "skipped"
	}
	return r
}
