package fleet

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"slices"
	"sync"

	"rexec/client"
)

// Become runs the command as root through sudo. The password goes into sudo's stdin and nowhere else, once a host, and
// only when sudo has asked for it: each asks with a mark that nobody could guess, which is taken out of its stderr. A
// second mark, right before the command, says that sudo is done with stdin: what comes then is the command's, and marks
// mean nothing any more.
type Become struct {
	Password []byte // nil: there is none, who asks fails
}

const markBytes = 16

func newMark(what string) string {
	b := make([]byte, markBytes)
	_, _ = rand.Read(b) // never fails: it crashes the process instead
	return "[rexec " + what + " " + hex.EncodeToString(b) + "]"
}

// announce says its first argument on stderr and becomes the rest.
const announce = `printf %s "$0" >&2; exec "$@"`

// wrap changes what cmd runs, and its stdin and stderr, which must be set already.
func (b *Become) wrap(cmd *client.Cmd) *conversation {
	c := &conversation{ask: newMark("asks"), ready: newMark("runs"), password: b.Password, input: cmd.Stdin, next: cmd.Stderr}
	c.changed = sync.NewCond(&c.mu)
	sudo := []string{"sudo", "-S", "-k", "-p", c.ask, "--", "sh", "-c", announce, c.ready}
	switch {
	case cmd.Argv != nil:
		cmd.Argv = slices.Concat(sudo, cmd.Argv)
	case len(cmd.Systems) > 0: // lines that the host's shell reads; Windows has no sudo
		systems := map[string]string{}
		for os, line := range cmd.Systems {
			if systems[os] = line; os != "windows" {
				systems[os] = quote(slices.Concat(sudo, []string{"sh", "-c", line}))
			}
		}
		cmd.Systems = systems
		if cmd.Line != "" {
			cmd.Line = quote(slices.Concat(sudo, []string{"sh", "-c", cmd.Line}))
		}
	case cmd.Line != "":
		cmd.Argv, cmd.Line = slices.Concat(sudo, []string{"sh", "-c", cmd.Line}), ""
	default:
		cmd.Argv = slices.Concat(sudo, []string{"sh"})
	}
	cmd.Stdin, cmd.Stderr = c, filter{c}
	return c
}

// conversation is sudo's on one host. It is the command's stdin.
type conversation struct {
	ask, ready string
	password   []byte
	input      io.Reader // the command's own; nil: none
	next       io.Writer // takes stderr

	mu      sync.Mutex
	changed *sync.Cond
	kept    []byte // of stderr, what may be the beginning of a mark
	give    []byte // of the password, what is to be read
	gave    int    // bytes of it that were
	asked   int    // how often sudo did
	runs    bool   // the command does
	closed  bool
}

// Read waits until sudo asks, and then until the command runs.
func (c *conversation) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		refused := c.asked > 1 || c.asked > 0 && c.password == nil
		switch {
		case c.closed:
			return 0, io.EOF
		case len(c.give) > 0:
			n := copy(p, c.give)
			c.give = c.give[n:]
			c.gave += n
			return n, nil
		case c.runs:
			if c.input == nil {
				return 0, io.EOF
			}
			c.mu.Unlock()
			n, err := c.input.Read(p)
			c.mu.Lock()
			return n, err
		case refused: // sudo gives up when there is nothing to read
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// close wakes a Read. A nil conversation does nothing.
func (c *conversation) close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
}

// filter is stderr on its way.
type filter struct{ *conversation }

func (f filter) Write(p []byte) (int, error) {
	pass := f.sift(p)
	if len(pass) > 0 {
		if n, err := f.next.Write(pass); err != nil {
			return min(n, len(p)), err
		}
	}
	return len(p), nil
}

// sift takes marks out and acts on them.
func (c *conversation) sift(p []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs {
		return p
	}
	text := append(c.kept, p...)
	c.kept = nil
	var pass []byte
	for {
		ask, ready := bytes.Index(text, []byte(c.ask)), bytes.Index(text, []byte(c.ready))
		switch {
		case ready >= 0 && (ask < 0 || ready < ask):
			c.runs = true
			c.changed.Broadcast()
			return append(append(pass, text[:ready]...), text[ready+len(c.ready):]...)
		case ask >= 0:
			pass = append(pass, text[:ask]...)
			text = text[ask+len(c.ask):]
			if c.asked++; c.asked == 1 && c.password != nil {
				c.give = append(bytes.Clone(c.password), '\n')
			}
			c.changed.Broadcast()
			continue
		}
		n := max(begins(text, c.ask), begins(text, c.ready))
		c.kept = bytes.Clone(text[len(text)-n:])
		return append(pass, text[:len(text)-n]...)
	}
}

// begins is how much of text's end may be the beginning of a mark.
func begins(text []byte, mark string) int {
	for n := min(len(mark)-1, len(text)); n > 0; n-- {
		if string(text[len(text)-n:]) == mark[:n] {
			return n
		}
	}
	return 0
}

// end hands on what was kept back for nothing. A nil conversation does nothing.
func (c *conversation) end() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	kept := c.kept
	c.kept = nil
	c.mu.Unlock()
	if len(kept) == 0 {
		return nil
	}
	_, err := c.next.Write(kept)
	return err
}

// complaint is what sudo's failure was about; empty: nothing that can be said here.
func (c *conversation) complaint() string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.runs:
		return ""
	case c.asked > 1:
		return "sudo did not take the password"
	case c.asked == 1 && c.password == nil:
		return "sudo asks for a password, and nobody sits here to type it"
	}
	return ""
}

// given counts the password's bytes that went out; 0 for a nil conversation.
func (c *conversation) given() uint64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.gave)
}
