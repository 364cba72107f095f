package invoke

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"rexec/client"
	"rexec/frame"
	"rexec/platform/text"
)

// Text says which of the streams are text, and what the host speaks. The zero value leaves every byte as it is.
type Text struct {
	// Encoding is auto, raw or an encoding's name; empty: auto. Words of the command go out in it if it is a name.
	Encoding string
	// In, Out and Err are the streams that are text: those whose end here is a terminal, or all where the user says so.
	In, Out, Err bool
	// Typed says that In comes from a keyboard: what has no place in the host's encoding is left out, and Bell is rung.
	// Otherwise it ends the command.
	Typed bool
	Bell  io.Writer // nil: there is none
}

// conversion is Text while a command runs. What the host speaks is known only when the command has begun, so whatever
// comes earlier waits; the daemon sends nothing before it has said so.
type conversion struct {
	opt     Text
	decided chan struct{} // closed when enc stands
	once    sync.Once
	enc     text.Encoding
	note    error // what the user should know of enc
	lanes   []*outLane
	guard   func() // deferred by every goroutine
}

// newConversion also rewrites cmd's words where the user named an encoding.
func newConversion(opt Text, cmd *client.Cmd, say sayer) (*conversion, error) {
	c := &conversion{opt: opt, decided: make(chan struct{}), guard: func() {}}
	choice := text.Auto
	if opt.Encoding != "" {
		var err error
		if choice, err = text.Canonical(opt.Encoding); err != nil {
			return nil, err
		}
	}
	c.opt.Encoding = choice
	if cmd.Encoding = choice; !c.converts() {
		cmd.Encoding = text.Raw
	}
	if choice == text.Auto || choice == text.Raw {
		return c, nil
	}
	named, err := text.Lookup(choice)
	if err != nil || named.Identity() {
		return c, err
	}
	return c, encodeWords(cmd, named, say)
}

// encodeWords writes the command as a host reads it that speaks e. Variables that are only offered are dropped where that
// cannot be.
func encodeWords(cmd *client.Cmd, e text.Encoding, say sayer) error {
	var failed error
	encode := func(what, s string) string {
		out, err := e.Encode([]byte(s))
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w; nothing was started", what, err)
		}
		return string(out)
	}
	encodeAll := func(what string, list []string) []string {
		var out []string
		for _, s := range list {
			out = append(out, encode(what, s))
		}
		return out
	}
	cmd.Argv, cmd.Line, cmd.Dir = encodeAll("command", cmd.Argv), encode("command", cmd.Line), encode("folder", cmd.Dir)
	cmd.Env = encodeAll("variable", cmd.Env)
	systems := map[string]string{}
	for os, line := range cmd.Systems {
		systems[os] = encode("command", line)
	}
	cmd.Systems = systems
	var offered []string
	for _, kv := range cmd.OfferEnv {
		out, err := e.Encode([]byte(kv))
		if err != nil {
			say.story("a variable is not sent: %v", err)
			continue
		}
		offered = append(offered, string(out))
	}
	cmd.OfferEnv, cmd.Words = offered, e.Name()
	return failed
}

// decide settles the encoding by what STARTED said; nil: it said nothing and will not.
func (c *conversion) decide(info *frame.Started, terminal bool) {
	c.once.Do(func() {
		switch {
		case info == nil || c.opt.Encoding == text.Raw:
		case info.OS == "windows" && terminal: // a terminal there is translated by the system, whatever the code page is
			c.enc, c.note = text.For(text.Auto, info.Encoding)
		default:
			c.enc, c.note = text.For(c.opt.Encoding, info.Encoding)
		}
		close(c.decided)
	})
}

// converts reports whether any stream is text.
func (c *conversion) converts() bool { return c.opt.In || c.opt.Out || c.opt.Err }

// used says for the status what was done with each stream; empty before anything was decided.
func (c *conversion) used() (in, out, errs string) {
	if c == nil {
		return "", "", ""
	}
	select {
	case <-c.decided:
	default:
		return "", "", ""
	}
	name := func(is bool) string {
		if is {
			return c.enc.Name()
		}
		return text.Raw
	}
	return name(c.opt.In), name(c.opt.Out), name(c.opt.Err)
}

// stdin is r, encoded if it is text.
func (c *conversion) stdin(r io.Reader) io.Reader {
	if r == nil || !c.opt.In || c.opt.Encoding == text.Raw {
		return r
	}
	return &inLane{c: c, r: r}
}

// stdout and stderr are w, behind what decodes if it is text.
func (c *conversion) stdout(w io.Writer) io.Writer { return c.output(w, c.opt.Out, frame.LaneOut) }
func (c *conversion) stderr(w io.Writer) io.Writer { return c.output(w, c.opt.Err, frame.LaneErr) }

func (c *conversion) output(w io.Writer, is bool, lane uint8) io.Writer {
	if w == nil || !is || c.opt.Encoding == text.Raw {
		return w
	}
	l := &outLane{c: c, w: w, lane: lane}
	c.lanes = append(c.lanes, l)
	return l
}

// inLane is an input that waits for the encoding once something was read: who reads escapes from a keyboard must not wait.
type inLane struct {
	c       *conversion
	r       io.Reader
	encoder io.Reader // nil before the first Read returns
}

func (l *inLane) Read(p []byte) (int, error) {
	if l.encoder != nil {
		n, err := l.encoder.Read(p)
		var lost *text.EncodeError
		if errors.As(err, &lost) {
			err = fmt.Errorf("%w: the command is ended; without --text bytes go as they are", err)
		}
		return n, err
	}
	n, err := l.r.Read(p)
	<-l.c.decided
	if l.c.enc.Identity() {
		l.encoder = l.r
		return n, err
	}
	var drop func(*text.EncodeError)
	if l.c.opt.Typed {
		drop = func(*text.EncodeError) { l.c.bell() }
	}
	l.encoder = l.c.enc.NewReader(&replay{first: bytes.Clone(p[:n]), err: err, rest: l.r}, drop)
	return l.Read(p)
}

func (c *conversion) bell() {
	if c.opt.Bell != nil {
		_, _ = io.WriteString(c.opt.Bell, "\a")
	}
}

// replay gives what one Read gave, and then what the reader goes on with.
type replay struct {
	first []byte
	err   error
	rest  io.Reader
}

func (r *replay) Read(p []byte) (int, error) {
	switch {
	case len(r.first) > 0:
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	case r.err != nil:
		return 0, r.err
	}
	return r.rest.Read(p)
}

// outLane is an output that begins when the encoding is known.
type outLane struct {
	c    *conversion
	w    io.Writer
	lane uint8

	mu sync.Mutex   // held while w is written to
	d  *text.Writer // nil before the first Write
}

func (l *outLane) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.d == nil {
		<-l.c.decided
		l.d = l.c.enc.NewWriter(l.w)
		l.d.Guard = l.c.guard
	}
	return l.d.Write(p)
}

// close writes what is held. Where somebody still waits for w to take something, no more is said.
func (l *outLane) close() error {
	if !l.mu.TryLock() {
		return nil
	}
	defer l.mu.Unlock()
	if l.d == nil {
		return nil
	}
	if err := l.d.Close(); err != nil && !brokenPipe(err) {
		return fmt.Errorf("write %s: %w", map[uint8]string{frame.LaneOut: "stdout", frame.LaneErr: "stderr"}[l.lane], err)
	}
	return nil
}

// close ends the outputs when all that came is written.
func (c *conversion) close() error {
	var err error
	for _, l := range c.lanes {
		err = errors.Join(err, l.close())
	}
	return err
}
