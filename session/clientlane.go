package session

import (
	"errors"
	"io"

	"rexec/frame"
)

// sendInput carries IO.Stdin to lane 1 until its end or the stream's.
func (c *Client) sendInput() {
	defer c.io.Guard()
	in := &input{r: c.io.Stdin}
	for {
		_, err := c.st.Fill(frame.LaneIn, in)
		switch {
		case err == nil:
			continue
		case in.err == nil: // the lane is over, not the reader
		case in.err == io.EOF:
			_ = c.st.CloseLane(frame.LaneIn)
		default:
			// No EOF: the command must not take half an input for a whole one.
			c.post(func() {
				c.fault(frame.LaneIn, in.err)
				reason := frame.CancelCaller
				var named Canceler
				if errors.As(in.err, &named) {
					reason = named.CancelReason()
				}
				_ = c.Cancel(reason)
			})
		}
		return
	}
}

// input remembers its reader's end, which Fill's own errors could be taken for.
type input struct {
	r   io.Reader
	err error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.err = err
	return n, err
}

// deliver carries an output lane to w, nil drops it, until the end of the lane or of the writer.
func (c *Client) deliver(lane uint8, w io.Writer) {
	defer c.io.Guard()
	defer c.post(func() { c.open-- })
	for {
		p, err := c.st.Next(c.life, lane)
		if err != nil {
			c.post(func() { c.laneEnded(err) })
			return
		}
		// STARTED comes before the first byte; what comes from a daemon that does not say it reaches nobody.
		select {
		case <-c.begun:
		case <-c.hopeless:
			if !closed(c.begun) {
				return
			}
		case <-c.life.Done():
			return
		}
		if w != nil {
			n, werr := w.Write(p)
			if n < len(p) && werr == nil {
				werr = io.ErrShortWrite
			}
			if werr != nil {
				c.st.Stop(lane)
				c.post(func() {
					c.stoppedLane(lane)
					if !brokenPipe(werr) {
						c.fault(lane, werr)
					}
				})
				return
			}
		}
		c.st.Advance(lane, len(p))
	}
}

// laneEnded is an output lane that gives nothing more. That the whole stream ended is Recv's to say, because messages
// that came before may still stand there; what this lane alone did wrong, nobody else says.
func (c *Client) laneEnded(err error) {
	if err == io.EOF || errors.Is(err, frame.ErrStopped) {
		return
	}
	var own *frame.StreamError
	if errors.As(err, &own) && !own.Remote {
		c.fail(own.Code, &UnknownError{err})
	}
	c.cutShort = err
}

func (c *Client) stoppedLane(lane uint8) {
	if lane == frame.LaneOut {
		c.result.StoppedOut = true
	} else {
		c.result.StoppedErr = true
	}
}

// fault records the first failure of this side's own.
func (c *Client) fault(lane uint8, err error) {
	if c.local == nil {
		c.local = &LocalError{Lane: lane, Err: err}
	}
}
