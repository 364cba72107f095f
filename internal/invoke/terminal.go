package invoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/localterm"
)

// Terminal is what this process has to offer a command that wants a terminal.
type Terminal struct {
	Local   *localterm.Terminal // what there is of one here
	Name    string              // TERM
	Escapes *localterm.Escapes
	// Quiet is how long nothing has come when the user is told; 0: 10 s, twice what a client waits before it asks.
	Quiet time.Duration
	// Goodbye is how long the verdict behind a goodbye is waited for; 0: 200 ms, for who leaves does not want to wait.
	Goodbye time.Duration
}

const (
	defaultQuiet = 10 * time.Second
	quietTick    = 250 * time.Millisecond // how often a line about the silence is looked at
	statusTime   = 2 * time.Second        // a round trip that takes longer is not waited for
	goodbyeTime  = 200 * time.Millisecond
	awayTime     = 24 * time.Hour // asked for before this process is suspended
)

// errLeft is the result when the user left without waiting for one.
var errLeft = errors.New("left")

// console is the local side of a remote terminal while the command runs. What travels is bytes: remote, Screen, terminal;
// and keys, Keyboard, remote.
type console struct {
	Terminal
	r        *running
	keyboard *localterm.Keyboard // nil: what is typed is no terminal's
	screen   *localterm.Screen   // nil: what is shown is no terminal's
	open     bool                // raw, and both open
	over     bool                // end was called
	began    time.Time
	size     localterm.Size // as the command has it
	quiet    *time.Timer
	status   chan string // one, from the goroutine that measures
	inLine   bool        // at the end the cursor stands within a line
}

// newConsole has the command get a terminal.
func newConsole(r *running, t Terminal) *console {
	if t.Quiet == 0 {
		t.Quiet = defaultQuiet
	}
	if t.Goodbye == 0 {
		t.Goodbye = goodbyeTime
	}
	c := &console{Terminal: t, r: r, began: time.Now(), size: t.Local.Size(), status: make(chan string, 1), quiet: time.NewTimer(t.Quiet)}
	r.cmd.Terminal = &frame.Terminal{Term: t.Name, Size: frame.Size(c.size), Modes: t.Local.Modes()}
	r.say.w = t.Local.Lines(r.say.w)
	return c
}

// between puts keyboard and screen in front of this process's stdin and stdout, where they are a terminal's.
func (c *console) between(in io.Reader, out io.Writer) (io.Reader, io.Writer) {
	if keys := c.Local.Keys(); keys != nil && in != nil {
		c.keyboard = localterm.NewKeyboard(keys, c.Escapes)
		in = c.keyboard
	}
	if c.Local.Shows() && out != nil {
		c.screen = localterm.NewScreen(out, c.Name, func() (rows, cols int) {
			s := c.Local.Size()
			return int(s.Rows), int(s.Cols)
		})
		out = c.screen
	}
	return in, out
}

// here is what happens at a terminal; nil channels: nothing does.
type here struct {
	actions            <-chan localterm.Action
	status             <-chan string
	resized, continued <-chan os.Signal
	quiet              <-chan time.Time
}

func (c *console) happens() (h here) {
	if c == nil {
		return h
	}
	h = here{status: c.status, resized: c.Local.Resized(), continued: c.Local.Continued()}
	if c.keyboard != nil {
		h.actions = c.keyboard.Actions()
	}
	if c.screen != nil {
		h.quiet = c.quiet.C
	}
	return h
}

// begin makes the terminal raw, before the first byte of output and of input.
func (c *console) begin() {
	c.Local.Watch()
	if err := c.Local.Raw(); err != nil {
		c.r.goodbye(frame.CancelHangup, &client.LocalError{Err: err})
		return
	}
	c.admit()
	c.resize() // it may have changed since START
}

// admit lets bytes flow.
func (c *console) admit() {
	if c.open {
		return
	}
	c.open = true
	if c.keyboard != nil {
		c.keyboard.Open()
	}
	if c.screen != nil {
		c.screen.Open()
	}
}

// end gives the terminal back. tidy: the command was cut off and cannot leave it as it found it.
func (c *console) end(tidy bool) {
	if c == nil || c.over {
		return
	}
	c.over = true
	if c.screen != nil {
		c.inLine = c.screen.End(tidy)
	}
	c.Local.Restore()
	c.Local.Close()
	c.quiet.Stop()
	if c.keyboard != nil {
		c.keyboard.Close()
	}
	c.admit() // nobody waits for what will not come
}

// newLine begins one for what this process still has to say, or the shell here.
func (c *console) newLine(o outcome, opt Options) {
	if c != nil && c.inLine && (c.r.left != nil || o.words(opt.Host) != "") {
		fmt.Fprintln(c.r.say.w)
	}
}

// act carries an escape out.
func (c *console) act(a localterm.Action) {
	switch a {
	case localterm.Leave:
		c.r.goodbye(frame.CancelGoodbye, &client.UnknownError{Err: errLeft})
	case localterm.Gone:
		c.r.hear(syscall.SIGHUP) // whether or not a signal says so too
	case localterm.Help:
		c.tell(c.Escapes.Help()...)
	case localterm.Status:
		go c.measure()
	case localterm.Suspend:
		c.suspend(c.Local.Suspend)
	}
}

// tell shows lines of our own.
func (c *console) tell(lines ...string) {
	if c.screen != nil {
		c.screen.Say(lines...)
		return
	}
	for _, l := range lines {
		c.r.say.line("%s", l)
	}
}

// measure asks for a round trip and leaves the line for ~# in c.status.
func (c *console) measure() {
	defer c.r.guard()()
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	cl := c.r.cmd.Client()
	trip := ""
	if rtt, err := cl.Ping(ctx); err == nil {
		trip = fmt.Sprintf("round trip %.2f ms", float64(rtt)/float64(time.Millisecond))
	} else {
		trip = fmt.Sprintf("no answer for %v", cl.Silence().Round(time.Second))
	}
	line := fmt.Sprintf("%s (%v): connected for %v, %s", c.r.opt.Host, cl.Remote(), time.Since(c.began).Round(time.Second), trip)
	if c.keyboard != nil {
		line += fmt.Sprintf(", %d bytes typed", c.keyboard.Typed())
	}
	if c.screen != nil {
		line += fmt.Sprintf(", %d bytes shown", c.screen.Shown())
	}
	select {
	case c.status <- Line(line):
	default: // one is there
	}
}

// suspend has this process stopped by halt: the terminal is somebody else's until it is continued.
func (c *console) suspend(halt func(urgent func() bool) error) {
	thaw := func() {}
	if c.screen != nil {
		thaw = c.screen.Freeze()
	}
	cl := c.r.cmd.Client()
	cl.Away(awayTime)
	err := halt(func() bool { return len(c.r.opt.Signals) > 0 })
	cl.Resume()
	thaw()
	if c.keyboard != nil {
		c.keyboard.Resume()
	}
	if err != nil {
		c.r.goodbye(frame.CancelHangup, &client.LocalError{Err: err})
		return
	}
	c.resize()
}

// resize tells the command the terminal's size, if it is another.
func (c *console) resize() {
	if s := c.Local.Size(); s != c.size && s.Rows > 0 {
		c.size = s
		_ = c.r.cmd.Resize(frame.Size(s)) // one that has ended needs none
	}
}

// look shows a line while the connection is quiet, and takes it away when it no longer is.
func (c *console) look() {
	silence := c.r.cmd.Client().Silence()
	if silence < c.Quiet {
		c.screen.Note("")
		c.quiet.Reset(c.Quiet - silence)
		return
	}
	c.screen.Note(Line(c.silent(silence)))
	c.quiet.Reset(quietTick)
}

func (c *console) silent(silence time.Duration) string {
	text := fmt.Sprintf("%s: no answer for %d s", c.r.opt.Host, int(silence/time.Second))
	if leave := c.Escapes.Typed(localterm.Leave); leave != "" && c.keyboard != nil {
		text += ", " + leave + " to leave"
	}
	return text
}

// hear is a signal where there is a terminal: the command hears of it by its terminal's end. It reports true if there is
// nothing left to wait for.
func (r *running) hear(s os.Signal) (leave bool) {
	r.last = s
	return r.goodbye(cancelReason(signalName(s)), &Interrupted{s, &client.UnknownError{Err: errLeft}})
}

// goodbye ends the command and this process's interest in it: err is the result unless the verdict comes soon. It reports
// true if the verdict is in.
func (r *running) goodbye(reason frame.CancelReason, err error) bool {
	if r.left != nil {
		return false
	}
	r.left, r.canceled = err, time.Now()
	gone := r.cmd.Cancel(reason)
	r.console.end(true)
	return errors.Is(gone, os.ErrProcessDone)
}

// guard is to be deferred by every goroutine.
func (r *running) guard() func() {
	switch {
	case r.opt.Guard != nil:
		return r.opt.Guard
	case r.console != nil:
		return r.console.Local.Guard
	}
	return func() {}
}

// cut reports whether a command was ended by something else than itself, and so without leaving the terminal as it
// found it.
func cut(err error) bool {
	var exit *client.ExitError
	if !errors.As(err, &exit) {
		return err != nil
	}
	kind := exit.Result.Verdict.Kind
	return kind != frame.Exited && kind != frame.Signaled
}
