package mux

import (
	"context"
	"fmt"
	"time"

	"rexec/frame"
)

// keepalive asks after a silent peer and gives up a lost one. It has the connection's only timer.
func (c *Conn) keepalive() {
	next := min(c.cfg.Ping, writeStall)
	t := time.NewTimer(next)
	defer t.Stop()
	for due := time.Now().Add(next); ; due = time.Now().Add(next) {
		select {
		case <-c.ctx.Done():
			return
		case <-c.look:
		case <-t.C:
			c.overslept(due)
		}
		next = c.checkSilence()
		t.Reset(next)
	}
}

// overslept begins the silence anew where this process was stopped, for hours perhaps: what the peer said meanwhile was not
// read yet, and the timer is the first to be told.
func (c *Conn) overslept(due time.Time) {
	if time.Since(due) > c.cfg.Ping/2 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.restart()
	}
}

// patience is how long this side is silent with a silent peer before it asks. The peer is lost after cfg.Ping's multiple
// all the same.
func (c *Conn) patience() time.Duration {
	if c.cfg.Role == Client && c.terminals > 0 {
		return min(terminalPing, c.cfg.Ping)
	}
	return c.cfg.Ping
}

// checkSilence sends PING after c.patience without a byte, ends the connection after cfg.PingCount+1 times that or after a
// minute's Write without progress, and returns when to look again.
func (c *Conn) checkSilence() time.Duration {
	lastRead := c.LastRead()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.draining {
		return c.cfg.Ping
	}
	if !c.awayUntil.IsZero() {
		switch {
		case lastRead.After(c.awaySet.Add(crossing)):
			c.clock = lastRead
		case now.Before(c.awayUntil):
			return min(c.awayUntil.Sub(now), c.cfg.Ping)
		default:
			c.clock = c.awayUntil
		}
		c.awayUntil = time.Time{}
	}
	silence := max(now.Sub(latest(lastRead, c.clock)), 0)
	if most := c.cfg.Ping * time.Duration(c.cfg.PingCount+1); silence >= most {
		c.failLocked(&frame.ConnError{Text: fmt.Sprintf("no answer for %v", silence.Round(time.Second/10))})
		return c.cfg.Ping
	}
	left := writeStall // a Write that begins behind this look is not late before the next
	if began := c.writing.Load(); began != 0 {
		progress := latest(c.epoch.Add(time.Duration(began)), c.clock)
		if c.cfg.LastWrite != nil {
			progress = latest(progress, c.cfg.LastWrite())
		}
		stall := max(now.Sub(progress), 0)
		if stall >= writeStall {
			c.failLocked(&frame.ConnError{Text: fmt.Sprintf("the other side took nothing for %v", stall.Round(time.Second))})
			return c.cfg.Ping
		}
		left -= stall
	}
	ask := c.patience()
	if silence < ask {
		return min(ask-silence, left)
	}
	c.ping()
	// The next look at silence is at the next multiple of each, so that the last one is exact.
	return min(ask-silence%ask, c.cfg.Ping-silence%c.cfg.Ping, left)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ping sends PING unless one is outstanding.
func (c *Conn) ping() {
	if c.pingSent != 0 || c.err != nil || c.draining {
		return
	}
	c.pingSent = max(c.now(), 1)
	c.pinged = c.pingSent
	c.pingValue++
	c.queue(frame.TypePing, 0, frame.AppendUint64(nil, c.pingValue))
}

// Ping measures a round trip.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	got := make(chan time.Duration, 1)
	c.mu.Lock()
	c.pingWait = append(c.pingWait, got)
	c.ping()
	c.mu.Unlock()
	select {
	case rtt := <-got:
		return rtt, nil
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (c *Conn) onPong(p []byte) error {
	v, err := frame.ParseUint64(p)
	if err != nil {
		return protocolf("%v", err)
	}
	if c.pingSent == 0 || v != c.pingValue {
		return protocolf("PONG %d, which answers nothing", v)
	}
	rtt := c.now() - c.pingSent
	c.pingSent = 0
	if !c.pingStale {
		c.sawRTT(rtt)
	}
	c.pingStale = false
	for _, w := range c.pingWait {
		w <- rtt // has room: one answer each
	}
	c.pingWait = nil
	return nil
}

// onAway takes the peer's word that it will be silent. Only a daemon believes it.
func (c *Conn) onAway(seconds uint32) {
	if c.cfg.Role != Daemon {
		return
	}
	c.awaySet = time.Now()
	c.awayUntil = c.awaySet.Add(min(time.Duration(seconds)*time.Second, c.cfg.AwayLimit))
}

// Silence is how long no byte has come, not counting what Resume bridged.
func (c *Conn) Silence() time.Duration {
	lastRead := c.LastRead()
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(time.Since(latest(lastRead, c.clock)), 0)
}

// Resume restarts the clocks of silence and of a stalled Write, for a process that was itself suspended, and has the peer
// hear that it is back.
func (c *Conn) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restart()
	c.ping()
}

func (c *Conn) restart() {
	c.clock = time.Now()
	c.pingStale = c.pingSent != 0
}
