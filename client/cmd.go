package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"rexec/frame"
	"rexec/internal/link"
	"rexec/session"
)

// First credits of the output lanes. A terminal keeps its small window, so that ^C is felt at once behind a flood.
const (
	window         = 256 << 10
	terminalWindow = 64 << 10
)

// Lingers beside a length of time: see Cmd.Linger.
const (
	LingerForever time.Duration = -1
	LingerNone    time.Duration = 1
	DefaultLinger               = 2 * time.Second
)

// Cmd is one command, prepared or running or done. It is not used twice.
type Cmd struct {
	Argv      []string // program and arguments, without a shell; bytes, any but NUL
	Line      string   // or a line for the user's shell
	Subsystem string   // or the name of a subsystem; none of the three: a login shell
	// Systems are lines by system ("linux", "windows", "darwin"); the host takes that of its own, and Line, if there is
	// one, if it is none of them.
	Systems map[string]string

	Env      []string        // NAME=VALUE that the daemon must take: otherwise it refuses the command
	OfferEnv []string        // NAME=VALUE that the daemon may drop
	Dir      string          // empty: the user's home folder
	User     string          // empty: the key's, else the daemon's own
	Terminal *frame.Terminal // nil: pipes
	Encoding string          // what the output will be decoded with; recorded only; empty: not said
	Words    string          // encoding of the words above, which the caller has written in it; empty: UTF-8, or bytes

	Stdin  io.Reader // nil: the command reads from the null device
	Stdout io.Writer // nil: read and dropped
	Stderr io.Writer // nil: read and dropped; with a terminal nothing comes here

	Timeout time.Duration // after which the daemon ends the whole tree; 0: none
	// Linger is how long after the command's end its output is read on if something it left running holds it open.
	// 0: DefaultLinger; LingerForever: until its end, as ssh does; LingerNone: not at all.
	Linger time.Duration
	OnLost frame.OnLost // what becomes of the tree if this connection is lost; 0: as the daemon says

	client *Client
	ctx    context.Context
	run    *session.Client
	result session.Result
}

// Command prepares a program with arguments; nothing reads them as shell words. The end of ctx ends the whole tree.
func (c *Client) Command(ctx context.Context, name string, args ...string) *Cmd {
	return &Cmd{client: c, ctx: ctx, Argv: append([]string{name}, args...)}
}

// Shell prepares a line for the remote user's shell. An empty line is a login shell.
func (c *Client) Shell(ctx context.Context, line string) *Cmd {
	return &Cmd{client: c, ctx: ctx, Line: line}
}

// start is the message that says all this.
func (cmd *Cmd) start() frame.Start {
	s := frame.Start{
		Argv: cmd.Argv, Line: cmd.Line, Subsystem: cmd.Subsystem, Env: cmd.Env, EnvOffered: cmd.OfferEnv, Cwd: cmd.Dir,
		User: cmd.User, Terminal: cmd.Terminal, Encoding: cmd.Encoding, Words: cmd.Words, Timeout: millis(cmd.Timeout), OnLost: cmd.OnLost,
	}
	for _, os := range slices.Sorted(maps.Keys(cmd.Systems)) {
		s.Systems = append(s.Systems, frame.System{OS: os, Line: cmd.Systems[os]})
	}
	switch {
	case cmd.Linger == 0:
		s.Linger = millis(DefaultLinger)
	case cmd.Linger < 0:
		s.Linger = frame.LingerForever
	default:
		s.Linger = int64(cmd.Linger / time.Millisecond)
	}
	s.Request = make([]byte, 16)
	_, _ = rand.Read(s.Request) // never fails: it crashes the process instead
	return s
}

// millis rounds up: a limit that was asked for is never none.
func millis(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// Start sends the command and returns without waiting for an answer beyond the connection's. Wait must follow a nil
// error.
func (cmd *Cmd) Start() error {
	if cmd.run != nil {
		return errors.New("the command was started before")
	}
	c := cmd.client
	s := cmd.start()
	if n := len(s.Append(nil)); n > frame.MaxMessage {
		return &ExitError{Result: session.Result{Verdict: frame.Verdict{Kind: frame.StartFailed, Code: 126,
			Reason: "the command line is too long (over 256 KiB): send it as input, rexec HOST sh -s < script"}}}
	}
	begin := func(m *link.Conn) error {
		credit := [2]uint64{window, window}
		if cmd.Terminal != nil {
			credit[0] = terminalWindow
		}
		st, err := m.Open(frame.KindExec, credit, cmd.Terminal != nil)
		if err != nil {
			return err
		}
		cmd.run, err = session.Start(cmd.ctx, st, s, session.IO{Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, Guard: c.cfg.Guard})
		if err != nil {
			st.Reset(frame.CodeCanceled, "")
		}
		return err
	}
	made, err := c.connect(cmd.ctx, begin)
	if err != nil {
		if cmd.run != nil { // it was queued on a connection that never came up
			_, _ = cmd.run.Wait()
		}
		return err
	}
	if made {
		return nil
	}
	if err := begin(c.connected().Conn); err != nil {
		return cmd.meaning(err)
	}
	return nil
}

// Wait waits for the result. nil: the command ran, ended with status 0, and every byte of its output was written.
func (cmd *Cmd) Wait() error {
	if cmd.run == nil {
		return errors.New("the command was not started")
	}
	r, err := cmd.run.Wait()
	cmd.result = r
	if err != nil {
		return cmd.meaning(err)
	}
	v := r.Verdict
	switch {
	case v.Kind == frame.Refused:
		return &RefusedError{Reason: v.Reason}
	case v.Kind == frame.Unknown:
		return &UnknownError{Err: errors.New("the daemon does not know how the command ended")}
	case v.Kind == frame.Exited && v.Code == 0:
		return nil
	}
	return &ExitError{Result: r}
}

// meaning turns session's errors into this package's.
func (cmd *Cmd) meaning(err error) error {
	var local *session.LocalError
	var unknown *session.UnknownError
	var stream *frame.StreamError
	switch {
	case errors.As(err, &local):
		return &LocalError{Result: cmd.result, Err: local}
	case errors.As(err, &unknown):
		var conn *frame.ConnError
		if cmd.result.Started == nil && errors.As(err, &conn) && conn.Remote && conn.Code == frame.CodeRefused {
			return &RefusedError{Reason: conn.Text} // said after the proofs and before anything was started
		}
		return &UnknownError{Err: unknown.Err}
	case errors.As(err, &stream):
		if gone := cmd.client.gone(); gone != nil {
			return gone
		}
		if stream.Code == frame.CodeRefused {
			return &RefusedError{Reason: stream.Text}
		}
	}
	return &ConnectError{Address: cmd.client.cfg.Address, Err: err}
}

// Run is Start and Wait.
func (cmd *Cmd) Run() error {
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Wait()
}

// Output runs the command and gives its stdout.
func (cmd *Cmd) Output() ([]byte, error) {
	if cmd.Stdout != nil {
		return nil, errors.New("stdout is set already")
	}
	var b bytes.Buffer
	cmd.Stdout = &b
	err := cmd.Run()
	return b.Bytes(), err
}

// Result is what is known of a command after Wait; Verdict.Kind 0: no verdict came.
func (cmd *Cmd) Result() session.Result { return cmd.result }

// Client is the connection that the command uses.
func (cmd *Cmd) Client() *Client { return cmd.client }

// Started is closed when the daemon said that the command runs.
func (cmd *Cmd) Started() <-chan struct{} { return cmd.run.Begun() }

// Done is closed when Wait no longer waits.
func (cmd *Cmd) Done() <-chan struct{} { return cmd.run.Done() }

// Info is what the daemon said of the running command; nil before Started is closed.
func (cmd *Cmd) Info() *frame.Started { return cmd.run.Started() }

// Signal sends a signal, named without SIG, to the command's group.
func (cmd *Cmd) Signal(name string) error { return cmd.run.Signal(name) }

// Resize tells the command's terminal its new size.
func (cmd *Cmd) Resize(s frame.Size) error { return cmd.run.Resize(s) }

// Cancel ends the whole tree; Wait then gives the verdict.
func (cmd *Cmd) Cancel(reason frame.CancelReason) error { return cmd.run.Cancel(reason) }
