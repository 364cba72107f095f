// Package invoke is one command with this process's stdio, signals, status file and exit code.
//
// It leaves the connection to client, and to its caller where the streams, signals and files come from, what the
// command is, and dying of a signal. A command's story is told three ways: by the exit code, by one JSON object in the
// status file, and by at most a line or two on stderr, where the command's own stderr goes too.
package invoke

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"rexec/client"
	"rexec/frame"
)

// Options is what this process has to offer a command.
type Options struct {
	Host string // as the user calls it; begins our lines and stands in the status

	Stdin  io.Reader // nil: the command reads from the null device
	Stdout io.Writer // nil: dropped
	Stderr io.Writer // nil: dropped
	Text   Text      // which of them are text
	// CloseStdout is called when all is written: a full disk may say so only then. nil: nothing to close.
	CloseStdout func() error

	// Signals brings INT, TERM, HUP and QUIT as this process gets them; nil: none. Nobody need close it.
	Signals <-chan os.Signal

	Terminal *Terminal // nil: the command has pipes, and signals are passed on to it
	Guard    func()    // deferred by every goroutine, as client.Config's; nil: the terminal's own

	Messages io.Writer // our own lines; nil: Stderr
	Status   io.Writer // gets one line of JSON at the end, also after a failure of our own; nil: none
	Quiet    bool      // no warnings and notes; errors are said all the same
	Verbose  bool      // tell the story
	SSHShape bool      // what policy refused is 255, as ssh's own failures are
}

// secondTime is within which a signal that comes twice means: end all of it.
const secondTime = time.Second

// settleTime is how long a command whose verdict is in may still write its output when a signal asks to stop.
const settleTime = 100 * time.Millisecond

// Run runs the command that prepare makes, whose context, derived from ctx, also ends when a signal comes before there is
// a connection. code is this process's exit code. A die that is not nil is a signal that the caller should die of, so
// that loops of shells stop, after it has cleaned up.
func Run(ctx context.Context, prepare func(context.Context) *client.Cmd, opt Options) (code int, die os.Signal) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := running{opt: opt, say: opt.sayer(), cmd: prepare(ctx), cancel: cancel}
	in, out := opt.Stdin, opt.Stdout
	if opt.Terminal != nil {
		r.console = newConsole(&r, *opt.Terminal)
		in, out = r.console.between(in, out)
		defer r.console.end(true) // behind a panic, whoever recovers from it
	}
	conv, err := newConversion(opt.Text, r.cmd, r.say)
	if err == nil {
		r.conv, conv.guard = conv, r.guard()
		r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = conv.stdin(in), conv.stdout(out), conv.stderr(opt.Stderr)
		err = r.run()
	}
	r.console.end(cut(err))
	if opt.CloseStdout != nil {
		if cerr := opt.CloseStdout(); cerr != nil && !brokenPipe(cerr) && err == nil {
			err = &client.LocalError{Result: r.cmd.Result(), Err: cerr}
		}
	}
	o := r.outcome(err)
	r.console.newLine(o, opt)
	code = finish(o, opt)
	var by *Interrupted
	if errors.As(err, &by) {
		die = by.Signal
	}
	return code, die
}

// Fail ends an attempt that came to nothing before there was a command: err is said, the status written. It gives the
// exit code.
func Fail(err error, opt Options) int { return finish(outcome{err: err}, opt) }

// Interrupted says that a signal to this process ended the attempt.
type Interrupted struct {
	Signal os.Signal
	Err    error // what became of the command; nil: nothing was started
}

func (e *Interrupted) Error() string {
	if e.Err == nil {
		return "interrupted by SIG" + signalName(e.Signal)
	}
	return e.Err.Error()
}

// Unwrap gives what became of the command.
func (e *Interrupted) Unwrap() error { return e.Err }

// errGaveUp is the result when the user no longer waits for it.
var errGaveUp = errors.New("gave up waiting for the result")

// running is one command while it runs.
type running struct {
	opt    Options
	say    sayer
	cmd    *client.Cmd
	cancel context.CancelCauseFunc
	conv   *conversion

	waited   bool      // Wait returned: the command's Result stands
	last     os.Signal // that came; nil: none
	at       time.Time // when it came
	forward  []string  // names of the signals that were passed on
	canceled time.Time // when CANCEL was sent; zero: not

	console *console // nil: pipes
	left    error    // the user left: the result, unless the verdict comes soon
}

// run gives client's error, inside an *Interrupted if this process should die of a signal.
func (r *running) run() error {
	defer r.conv.decide(nil, false)
	if err := r.start(); err != nil {
		return err
	}
	begun, done := r.cmd.Started(), r.cmd.Done()
	var result error
	var flushed <-chan error
	var leave <-chan time.Time
	here := r.console.happens()
	for {
		select {
		case <-done:
			done = nil
			result, flushed = r.wait(), r.flush()
		case err := <-flushed:
			return r.written(result, err)
		case <-begun:
			begun = nil
			r.begun()
		case s := <-r.opt.Signals:
			if r.signal(s) && leave == nil {
				leave = time.After(settleTime)
			}
		case <-leave:
			if r.left != nil {
				return r.left
			}
			return &Interrupted{r.last, &client.UnknownError{Err: errGaveUp}}
		case a := <-here.actions:
			r.console.act(a)
		case line := <-here.status:
			r.console.tell(line)
		case <-here.resized:
			r.console.resize()
		case <-here.continued:
			r.console.suspend(r.opt.Terminal.Local.Again)
		case <-here.quiet:
			r.console.look()
		}
		if r.left != nil && leave == nil {
			leave = time.After(r.console.Goodbye)
		}
	}
}

// answerTime is how long Start may take to return once the daemon's answer is here. The command may have written already:
// a signal then is the command's.
const answerTime = 50 * time.Millisecond

// start connects and sends the command. A signal meanwhile ends that.
func (r *running) start() error {
	started := make(chan error, 1)
	go func() {
		defer r.guard()()
		started <- r.cmd.Start()
	}()
	for {
		select {
		case err := <-started:
			if err == nil || r.last == nil {
				return err
			}
			var unknown *client.UnknownError
			if !errors.As(err, &unknown) {
				err = nil
			}
			return &Interrupted{r.last, err}
		case s := <-r.opt.Signals:
			if r.last == nil {
				select {
				case err := <-started:
					if err == nil {
						r.signal(s)
						return nil
					}
					started <- err
				case <-time.After(answerTime):
				}
			}
			r.last, r.at, r.canceled = s, time.Now(), time.Now()
			r.cancel(&Interrupted{Signal: s})
		}
	}
}

// wait gives the result, and what a signal had to do with it.
func (r *running) wait() error {
	err := r.cmd.Wait()
	r.waited = true
	r.conv.decide(r.cmd.Info(), r.cmd.Terminal != nil)
	var exit *client.ExitError
	if r.last == nil || !errors.As(err, &exit) {
		return err
	}
	v := exit.Result.Verdict
	if v.Kind == frame.Canceled {
		return &Interrupted{r.last, err}
	}
	for _, name := range r.forward {
		if v.Kind == frame.Signaled && v.Signal == name {
			return &Interrupted{signalNamed(name, r.last), err}
		}
	}
	return err
}

// flush writes what the outputs still hold of their last line.
func (r *running) flush() <-chan error {
	flushed := make(chan error, 1)
	go func() {
		defer r.guard()()
		flushed <- r.conv.close()
	}()
	return flushed
}

// written is err, or why what was held could not be written, if the command's own result stands.
func (r *running) written(err, held error) error {
	if _, failed := err.(*client.ExitError); held != nil && (err == nil || failed) {
		return &client.LocalError{Result: r.cmd.Result(), Err: held}
	}
	return err
}

// signal passes a signal on; the second within a second ends the whole tree. It reports true if there is nothing left
// to wait for: the verdict is in, or CANCEL was sent a while ago.
func (r *running) signal(s os.Signal) (leave bool) {
	if r.console != nil {
		return r.hear(s)
	}
	now := time.Now()
	twice := r.last == s && now.Sub(r.at) <= secondTime
	r.last, r.at = s, now
	var err error
	switch name := signalName(s); {
	case !r.canceled.IsZero():
		return now.Sub(r.canceled) > secondTime
	case twice:
		r.canceled = now
		r.say.story("a second SIG%s: the whole tree is to end", name)
		err = r.cmd.Cancel(cancelReason(name))
	default:
		r.say.story("passing SIG%s on", name)
		r.forward = append(r.forward, name)
		err = r.cmd.Signal(name)
	}
	return errors.Is(err, os.ErrProcessDone)
}

// begun tells what STARTED said.
func (r *running) begun() {
	info := r.cmd.Info()
	if info == nil {
		return
	}
	r.conv.decide(info, r.cmd.Terminal != nil)
	if r.console != nil {
		r.console.begin()
	}
	in, out, errs := r.conv.used()
	r.say.story("the command speaks %q; stdin is %s, stdout %s, stderr %s", info.Encoding, in, out, errs)
	if r.conv.note != nil && r.conv.converts() && !r.opt.Quiet {
		r.say.line("%v", r.conv.note)
	}
	r.say.story("session %x runs as process %d on %s, held together by a %v", info.Session, info.Pid, info.OS, info.Containment)
	if info.Note != "" && !r.opt.Quiet {
		r.say.line("%s", info.Note)
	}
}

// outcome is all that is known at the end.
func (r *running) outcome(err error) outcome {
	o := outcome{err: err, terminal: r.console != nil}
	o.textIn, o.textOut, o.textErr = r.conv.used()
	var exit *client.ExitError
	var local *client.LocalError
	switch {
	case errors.As(err, &exit):
		o.result = exit.Result
	case errors.As(err, &local):
		o.result = local.Result
	case r.waited:
		o.result = r.cmd.Result()
	default: // given up: the conductor still writes its result
		o.result.Started = nil
	}
	return o
}
