package session

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"rexec/frame"
)

// longAgo as a deadline ends a Read at once.
var longAgo = time.Unix(1, 0)

// An output that was read to its last counted byte is asked for so long whether somebody still holds it: one that nobody
// holds says so at once. The other end of a terminal is the daemon's as well until the leader ended, and so for a moment
// a copy of it is that of every command which is just being started.
// Package os looks at the deadline before it looks at the source: a goroutine that was held up between the two hears that
// the time is over and not that nobody has the source any more. So it asks again, for a moment.
const (
	probeTime         = time.Millisecond
	probeTimeTerminal = 50 * time.Millisecond
	probes            = 3
)

// outlet carries one output of the command to its lane. Read is the reader that the lane's Fill gets: it passes the
// source through until cut, from then on exactly the bytes that the source held at that moment.
type outlet struct {
	st   Stream
	lane uint8
	src  Output // nil: the lane carries nothing

	probeFor time.Duration

	closeOnce sync.Once
	ended     atomic.Bool // the source, or what was left of it after the cut, is read to its end
	held      atomic.Bool // somebody else still had the source open when it was cut

	settled bool // the conductor's: read to the end, or cut
	flushed bool // the conductor's: EOF is on the wire, or the stream is over

	// mu is held during Read of the source, so whoever takes it sets a deadline first, which ends that Read.
	mu     sync.Mutex
	wasCut sync.Cond // cut became true
	cut    bool
	left   int // after the cut: bytes still to deliver
}

func newOutlet(st Stream, lane uint8, src Output, probeFor time.Duration) *outlet {
	o := &outlet{st: st, lane: lane, src: src, probeFor: probeFor, settled: src == nil}
	o.wasCut.L = &o.mu
	return o
}

// pump runs until EOF is on the wire. read and flushed tell the conductor how far it is.
func (o *outlet) pump(ctx context.Context, read, flushed func()) {
	if o.src != nil {
		for {
			_, err := o.st.Fill(o.lane, o)
			if err == nil {
				continue
			}
			if !o.ended.Load() && !errors.Is(err, frame.ErrStopped) {
				// The stream is over and the command is not: nothing but a signal may end it, so it must be able to
				// go on writing until the conductor closes its outputs.
				_, _ = io.Copy(io.Discard, struct{ io.Reader }{o})
			}
			break
		}
		o.close()
		read()
	}
	_ = o.st.CloseLane(o.lane)
	_ = o.st.Flushed(ctx, o.lane) // an error means that the stream is over, which the conductor learns by itself
	flushed()
}

// Read implements io.Reader for Fill.
func (o *outlet) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.cut {
		n, err := o.src.Read(p)
		if n > 0 || err == nil {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			o.ended.Store(true)
			return 0, io.EOF
		}
		for !o.cut {
			o.wasCut.Wait()
		}
	}
	if o.left > 0 {
		n, err := o.src.Read(p[:min(len(p), o.left)])
		o.left -= n
		if n > 0 || err == nil {
			return n, nil
		}
	} else {
		o.probe()
	}
	o.ended.Store(true)
	return 0, io.EOF
}

// probe finds out whether the source would have given more than the cut allows.
func (o *outlet) probe() {
	held, late, wait := false, true, o.probeFor
	for left := probes; late && left > 0; left-- {
		if o.src.SetReadDeadline(time.Now().Add(wait)) != nil {
			return
		}
		n, err := o.src.Read(make([]byte, 1))
		late = errors.Is(err, os.ErrDeadlineExceeded)
		held, wait = n > 0 || late, probeTime
	}
	o.held.Store(held)
}

// cutNow fixes what is still to be delivered: what the source holds at this moment.
func (o *outlet) cutNow() error {
	if err := o.src.SetReadDeadline(longAgo); err != nil {
		if o.ended.Load() {
			return nil // and closed
		}
		o.held.Store(true)
		o.close()
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended.Load() {
		return nil
	}
	var err error
	o.left, err = o.src.Pending()
	o.cut = true
	o.wasCut.Broadcast()
	return errors.Join(err, o.src.SetReadDeadline(time.Time{}))
}

// stop is the peer's STOP: the command gets SIGPIPE for what it still writes.
func (o *outlet) stop() {
	o.settled = true
	o.close()
}

// close may be called from any goroutine, any number of times.
func (o *outlet) close() {
	if o.src != nil {
		o.closeOnce.Do(func() { _ = o.src.Close() })
	}
}
