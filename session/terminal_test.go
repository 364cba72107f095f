package session

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// onTerminal makes p a process with a terminal that can kill the foreground alone.
func onTerminal(cfg Config, p *proc, script func(p *proc)) Config {
	cfg.Start = func(_ context.Context, s frame.Start) (Process, frame.Started, *Failure) {
		p.terminal = s.Terminal != nil
		if script != nil {
			go script(p)
		}
		return terminalProc{p}, frame.Started{Session: sessionID}, nil
	}
	return cfg
}

// TestSem25_OnLostOfATerminal: what the command says counts before what the key says, and hangup is the default.
func TestSem25_OnLostOfATerminal(t *testing.T) {
	const tree, hangup, none = "terminate@1s kill@6s", "kill foreground@6s", ""
	for _, c := range []struct {
		start, key frame.OnLost
		want       string
		left       uint32
	}{
		{0, 0, hangup, 1},
		{frame.OnLostHangup, 0, hangup, 1},
		{0, frame.OnLostHangup, hangup, 1},
		{frame.OnLostHangup, frame.OnLostTree, hangup, 1},
		{frame.OnLostTree, 0, tree, 0},
		{0, frame.OnLostTree, tree, 0},
		{frame.OnLostTree, frame.OnLostNone, tree, 0},
		{frame.OnLostNone, 0, none, 1},
		{0, frame.OnLostNone, none, 1},
		{frame.OnLostNone, frame.OnLostTree, none, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newProc(t)
			p.spawn() // tmux
			p.onTerminate = func() {}
			script := func(p *proc) {}
			if c.want == none {
				script = func(p *proc) { time.Sleep(time.Minute); p.leave(6) }
			}
			d, _ := leftAlone(t, frame.Start{Terminal: &frame.Terminal{}, OnLost: c.start}, onTerminal(Config{OnLost: c.key}, p, script),
				lost["connection lost"].how, p, nil)
			assert.Equal(t, c.want, strings.Join(p.said(), " "), "%v, key %v", c.start, c.key)
			assert.Equal(t, c.left, d.verdict.Survivors)
			if c.want == none {
				assert.Equal(t, frame.Exited, d.verdict.Kind, "nothing ended it")
			} else {
				assert.Equal(t, frame.Disconnected, d.verdict.Kind)
			}
			p.empty()
		})
	}
}

// TestSem25_EveryOtherEndOfATerminalTakesTheTree: neither a goodbye nor a limit is a loss.
func TestSem25_EveryOtherEndOfATerminalTakesTheTree(t *testing.T) {
	for name, end := range map[string]struct {
		how  func(c *Client, d *daemon)
		kind frame.Kind
	}{
		"cancel":   {func(c *Client, _ *daemon) { _ = c.Cancel(frame.CancelGoodbye) }, frame.Canceled},
		"reset":    lost["reset"],
		"shutdown": {func(_ *Client, d *daemon) { d.cancel(&EndError{"shutdown"}) }, frame.Ended},
		"timeout":  {func(*Client, *daemon) {}, frame.TimedOut},
	} {
		for _, onLost := range []frame.OnLost{frame.OnLostDefault, frame.OnLostHangup, frame.OnLostNone} {
			synctest.Test(t, func(t *testing.T) {
				p := newProc(t)
				p.spawn()
				p.onTerminate = func() {}
				start := frame.Start{Terminal: &frame.Terminal{}, OnLost: onLost}
				if name == "timeout" {
					start.Timeout = 1000
				}
				c, d := begin(t, t.Context(), start, IO{}, onTerminal(Config{}, p, nil), p, nil)
				time.Sleep(time.Second)
				end.how(c, d)
				_, _ = c.Wait()
				<-d.done
				assert.Equal(t, []string{"terminate@1s", "kill@6s"}, p.said(), name)
				assert.Equal(t, end.kind, d.verdict.Kind, name)
			})
		}
	}
}

// TestSem25_ATerminalIsClosedWhenItsCommandEnded: whoever is left in the foreground is hung up, nobody is signalled.
func TestSem25_ATerminalIsClosedWhenItsCommandEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.spawn()
		c, d := begin(t, t.Context(), frame.Start{Terminal: &frame.Terminal{}, Linger: frame.LingerForever}, IO{}, onTerminal(Config{}, p, func(p *proc) {
			time.Sleep(time.Second)
			p.leave(3)
		}), p, nil)
		r, err := c.Wait()
		require.NoError(t, err)
		<-d.done
		assert.Equal(t, int64(3), r.Verdict.Code)
		assert.Empty(t, p.said())
		_, err = p.out.Write([]byte("x"))
		assert.ErrorIs(t, err, syscall.EPIPE)
		p.empty()
	})
}

// TestATerminalThatNobodyReadsIsHungUp: STOP closes it, as it closes a pipe.
func TestATerminalThatNobodyReadsIsHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := run(t, frame.Start{Terminal: &frame.Terminal{}}, IO{Stdout: failing{syscall.EPIPE}}, func(p *proc) {
			for {
				if _, err := p.out.Write([]byte("y\n")); err != nil {
					p.leave(0)
					return
				}
			}
		})
		require.NoError(t, err)
	})
}
