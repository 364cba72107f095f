package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestSem24_SignalsReachTheGroupInOrderAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.onSignal = func(string) {}
		c, d := begin(t, t.Context(), frame.Start{}, IO{}, Config{}, p, nil)
		for _, name := range []string{"INT", "HUP", "USR1"} {
			require.NoError(t, c.Signal(name))
		}
		require.Error(t, c.Signal("not a name"))
		synctest.Wait()
		for _, seq := range []uint32{1, 3} { // what a resumed connection could send again
			d.w.daemon.inject(frame.TypeSignal, frame.Signal{Seq: seq, Name: "KILL"}.Append(nil))
		}
		synctest.Wait()
		d.w.daemon.inject(frame.TypeSignal, frame.Signal{Seq: 9, Name: "TERM"}.Append(nil))
		d.w.daemon.inject(frame.TypeSignal, frame.Signal{Seq: 8, Name: "KILL"}.Append(nil))
		synctest.Wait()
		assert.Equal(t, []string{"signal INT@0s", "signal HUP@0s", "signal USR1@0s", "signal TERM@0s"}, p.said())
		p.leave(0)
		_, err := c.Wait()
		require.NoError(t, err)
		<-d.done
		require.ErrorIs(t, c.Signal("INT"), os.ErrProcessDone)
		require.ErrorIs(t, c.Cancel(frame.CancelUser), os.ErrProcessDone)
		require.ErrorIs(t, c.Resize(frame.Size{}), os.ErrProcessDone)
	})
}

func TestSem24_DeathByAForwardedSignalIsSignaledNotCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := begin(t, t.Context(), frame.Start{}, IO{}, Config{}, newProc(t), nil)
		require.NoError(t, c.Signal("INT"))
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, frame.Signaled, r.Verdict.Kind)
		assert.Equal(t, "INT", r.Verdict.Signal)
		<-d.done
	})
}

// endings are the ways in which this side ends a tree with a verdict on the wire: DESIGN 5, the row in the middle.
var endings = map[frame.Kind]func(c *Client, d *daemon){
	frame.Canceled: func(c *Client, _ *daemon) { _ = c.Cancel(frame.CancelUser) },
	frame.Ended:    func(_ *Client, d *daemon) { d.cancel(&EndError{Reason: "key removed"}) },
	frame.TimedOut: nil, // by START
}

// ended runs a command until after, then ends it; it gives what came of it and when.
func ended(t *testing.T, kind frame.Kind, p *proc, cfg Config, script func(p *proc)) (Result, time.Duration, *daemon) {
	t.Helper()
	const after = 10 * time.Second
	s := frame.Start{Linger: 2000}
	if kind == frame.TimedOut {
		s.Timeout = after.Milliseconds()
	}
	began := time.Now()
	c, d := begin(t, t.Context(), s, IO{}, cfg, p, script)
	if end := endings[kind]; end != nil {
		time.AfterFunc(after, func() { end(c, d) })
	}
	r, err := c.Wait()
	took := time.Since(began)
	require.NoError(t, err)
	<-d.done
	assert.Equal(t, r.Verdict, d.verdict)
	if r.Verdict.Kind == frame.Ended {
		assert.Equal(t, "key removed", r.Verdict.Reason)
	}
	return r, took, d
}

func eachEnding(t *testing.T, check func(t *testing.T, kind frame.Kind)) {
	for kind := range endings {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { check(t, kind) })
		})
	}
}

func TestSem25_AnEndingAsksFirst(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.spawn()
		r, took, _ := ended(t, kind, p, Config{}, nil)
		assert.Equal(t, []string{"terminate@10s"}, p.said())
		assert.Equal(t, 10*time.Second, took, "an empty tree is not waited for")
		assert.Equal(t, kind, r.Verdict.Kind)
		assert.Equal(t, "TERM", r.Verdict.Signal, "how the leader went")
		assert.Zero(t, r.Verdict.Survivors)
		assert.Zero(t, r.Verdict.Held)
	})
}

func TestSem25_AnEndingKillsAfterTheGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, 100 * time.Millisecond, time.Minute} {
		eachEnding(t, func(t *testing.T, kind frame.Kind) {
			p := newProc(t)
			p.spawn()
			p.onTerminate = func() {}
			r, took, _ := ended(t, kind, p, Config{Grace: grace}, nil)
			if grace == 0 {
				grace = DefaultGrace
			}
			assert.Equal(t, []string{"terminate@10s", "kill@" + (10*time.Second + grace).String()}, p.said())
			assert.Equal(t, 10*time.Second+grace, took)
			assert.Equal(t, kind, r.Verdict.Kind)
			assert.Equal(t, "KILL", r.Verdict.Signal)
		})
	}
}

func TestSem25_TheWholeTreeEndsNotTheLeaderAlone(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.spawn()
		p.spawn()
		p.onTerminate = func() { p.die("TERM") } // the others ignore it
		r, took, _ := ended(t, kind, p, Config{}, nil)
		assert.Equal(t, []string{"terminate@10s", "kill@15s"}, p.said())
		assert.GreaterOrEqual(t, took, 15*time.Second)
		assert.LessOrEqual(t, took, 15*time.Second+pollTime)
		assert.Equal(t, kind, r.Verdict.Kind)
		assert.Zero(t, r.Verdict.Survivors)
		assert.Equal(t, (10 * time.Second).Microseconds(), r.Verdict.Wall)
	})
}

func TestSem25_ATreeThatEndsWithinTheGraceIsNoticed(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.spawn()
		p.onTerminate = func() { p.die("TERM"); time.AfterFunc(1234*time.Millisecond, p.empty) }
		_, took, _ := ended(t, kind, p, Config{}, nil)
		assert.Equal(t, []string{"terminate@10s"}, p.said())
		assert.GreaterOrEqual(t, took, 11234*time.Millisecond)
		assert.LessOrEqual(t, took, 11234*time.Millisecond+pollTime)
	})
}

func TestSem25_WhoEscapesKillIsReported(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.spawn()
		p.onTerminate = func() { p.die("TERM") }
		p.onKill = func() {}
		r, took, _ := ended(t, kind, p, Config{}, nil)
		assert.Equal(t, uint32(1), r.Verdict.Survivors)
		assert.Equal(t, frame.HeldOut|frame.HeldErr, r.Verdict.Held)
		assert.LessOrEqual(t, took, 10*time.Second+DefaultGrace+2*settleTime+pollTime)
		p.empty()
	})
}

func TestSem25_TheKindSaysWhatEndedItTheCodeHowItWent(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.onTerminate = func() {
			_, _ = p.out.Write([]byte("bye"))
			p.leave(0)
		}
		r, _, _ := ended(t, kind, p, Config{}, nil)
		assert.Equal(t, kind, r.Verdict.Kind)
		assert.Zero(t, r.Verdict.Code)
		assert.Empty(t, r.Verdict.Signal)
		assert.Equal(t, uint64(3), r.Verdict.Out, "what it said on the way out is delivered")
	})
}

func TestSem25_ACommandThatEndedFirstKeepsItsOwnKind(t *testing.T) {
	eachEnding(t, func(t *testing.T, kind frame.Kind) {
		p := newProc(t)
		p.spawn() // the linger is still on when the ending comes
		r, took, _ := ended(t, kind, p, Config{}, func(p *proc) {
			time.Sleep(9 * time.Second)
			p.leave(3)
		})
		assert.Equal(t, frame.Exited, r.Verdict.Kind)
		assert.Equal(t, int64(3), r.Verdict.Code)
		assert.Equal(t, []string{"terminate@10s"}, p.said(), "what still lingers is ended")
		assert.Equal(t, 10*time.Second, took)
		assert.Empty(t, r.Verdict.Held)
	})
}

func TestSem25_NohupLivesOnBehindANormalEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := must(t, frame.Start{Timeout: 60_000, Linger: 2000}, IO{}, func(p *proc) {
			p.mu.Lock()
			p.members++ // it holds no output
			p.mu.Unlock()
			p.leave(0)
		})
		time.Sleep(time.Hour)
		assert.Equal(t, uint32(1), r.Verdict.Survivors)
		assert.Empty(t, d.p.said())
	})
}

func TestSem25_SurvivorsEndWhereTheDaemonWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.spawn()
		p.onTerminate = func() {}
		began := time.Now()
		c, d := begin(t, t.Context(), frame.Start{Linger: 2000}, IO{}, Config{EndSurvivors: true}, p, func(p *proc) { p.leave(0) })
		r, err := c.Wait()
		require.NoError(t, err)
		<-d.done
		assert.Equal(t, []string{"terminate@2s", "kill@7s"}, p.said())
		assert.Equal(t, frame.Exited, r.Verdict.Kind)
		assert.Zero(t, r.Verdict.Survivors)
		assert.LessOrEqual(t, time.Since(began), 7*time.Second+2*pollTime)
	})
}

func TestCancelTwiceIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.onTerminate = func() {}
		c, d := begin(t, t.Context(), frame.Start{Timeout: 3000}, IO{}, Config{}, p, nil)
		require.NoError(t, c.Cancel(frame.CancelUser))
		time.Sleep(2 * time.Second)
		require.NoError(t, c.Cancel(frame.CancelGoodbye))
		time.Sleep(2 * time.Second)
		d.cancel(&EndError{Reason: "shutdown"})
		r, err := c.Wait()
		require.NoError(t, err)
		<-d.done
		assert.Equal(t, frame.Canceled, r.Verdict.Kind, "the first reason counts")
		assert.Empty(t, r.Verdict.Reason)
		assert.Equal(t, []string{"terminate@0s", "kill@5s"}, p.said(), "the grace is not begun anew")
	})
}

func TestSem26_TheTimeoutIsTheDaemons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow() // the client is stalled and knows nothing of it
		c, d := begin(t, t.Context(), frame.Start{Timeout: 2000}, IO{Stdout: out}, Config{}, newProc(t), yes)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"terminate@2s"}, d.p.said())
		close(out.open)
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, frame.TimedOut, r.Verdict.Kind)
		<-d.done
	})
}

func TestSem26_NoTimeoutOnceTheOutcomeIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		p := newProc(t)
		p.spawn()
		c, d := begin(t, t.Context(), frame.Start{Timeout: 2000, Linger: 1000}, IO{Stdout: out}, Config{}, p, func(p *proc) {
			_, _ = p.out.Write(make([]byte, 3*window))
			p.leave(1)
		})
		time.Sleep(time.Minute)
		close(out.open)
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, frame.Exited, r.Verdict.Kind)
		assert.Empty(t, p.said(), "a slow reader does not get what lives on killed")
		<-d.done
		p.empty()
	})
}

// lost is how a viewer goes, and the kind that a command gets for it under OnLostTree.
var lost = map[string]struct {
	how  func(c *Client, d *daemon)
	kind frame.Kind
}{
	"connection lost": {func(_ *Client, d *daemon) { d.w.lose(syscall.ECONNRESET) }, frame.Disconnected},
	"client killed":   {func(_ *Client, d *daemon) { d.w.lose(io.EOF) }, frame.Disconnected},
	"context ended":   {func(_ *Client, d *daemon) { d.cancel(errors.New("connection closed")) }, frame.Disconnected},
	"reset":           {func(_ *Client, d *daemon) { d.w.client.Reset(frame.CodeCanceled, "bye") }, frame.Canceled},
	"broke a rule":    {func(_ *Client, d *daemon) { d.w.daemon.inject(frame.TypeStart, nil) }, frame.Ended},
	"closed early":    {func(_ *Client, d *daemon) { _ = d.w.client.Close() }, frame.Ended},
}

// leftAlone runs a command whose viewer goes after a second.
func leftAlone(t *testing.T, s frame.Start, cfg Config, how func(c *Client, d *daemon), p *proc, script func(p *proc)) (*daemon, time.Duration) {
	began := time.Now()
	c, d := begin(t, t.Context(), s, IO{}, cfg, p, script)
	time.Sleep(time.Second)
	how(c, d)
	_, err := c.Wait()
	assert.Error(t, err)
	<-d.done
	assert.NotContains(t, d.w.log, frame.TypeVerdict)
	assert.Equal(t, []frame.Verdict{d.verdict}, d.ended, "the audit hears of it")
	return d, time.Since(began)
}

func TestSem25_ALostViewerEndsTheTree(t *testing.T) {
	for name, l := range lost {
		t.Run(name, func(t *testing.T) {
			for _, s := range []frame.Start{{}, {OnLost: frame.OnLostTree}} {
				synctest.Test(t, func(t *testing.T) {
					p := newProc(t)
					p.spawn()
					p.onTerminate = func() { p.die("TERM") }
					d, took := leftAlone(t, s, Config{}, l.how, p, func(p *proc) {
						for {
							if _, err := p.out.Write([]byte("still here\n")); err != nil {
								return
							}
							time.Sleep(100 * time.Millisecond)
						}
					})
					assert.Equal(t, []string{"terminate@1s", "kill@6s"}, p.said())
					assert.Equal(t, l.kind, d.verdict.Kind)
					assert.NotEmpty(t, d.verdict.Reason)
					assert.LessOrEqual(t, took, 6*time.Second+100*time.Millisecond, "the leader, which looks every 100 ms, included")
				})
			}
		})
	}
}

func TestSem25_OnLostHangupSignalsTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		d, took := leftAlone(t, frame.Start{OnLost: frame.OnLostHangup}, Config{}, lost["connection lost"].how, p, nil)
		assert.Equal(t, []string{"signal HUP@1s"}, p.said())
		assert.Equal(t, frame.Disconnected, d.verdict.Kind)
		assert.Equal(t, "HUP", d.verdict.Signal)
		assert.Equal(t, time.Second, took)
	})
}

func TestSem25_OnLostNoneLetsTheCommandFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cfg := range []struct {
			start frame.OnLost
			cfg   frame.OnLost
		}{{frame.OnLostNone, 0}, {0, frame.OnLostNone}, {frame.OnLostNone, frame.OnLostTree}} {
			p := newProc(t)
			wrote := 0
			d, took := leftAlone(t, frame.Start{OnLost: cfg.start}, Config{OnLost: cfg.cfg}, lost["connection lost"].how, p, func(p *proc) {
				time.Sleep(time.Minute)
				wrote, _ = p.out.Write(make([]byte, 1<<20)) // it gets no SIGPIPE and does not block
				p.leave(6)
			})
			assert.Empty(t, p.said())
			assert.Equal(t, 1<<20, wrote)
			assert.Equal(t, frame.Exited, d.verdict.Kind, "nothing ended it")
			assert.Equal(t, int64(6), d.verdict.Code)
			assert.Equal(t, time.Minute, took)
		}
	})
}

func TestSem25_ResetIsAGoodbyeAndNeverLeavesTheTree(t *testing.T) {
	for _, onLost := range []frame.OnLost{frame.OnLostHangup, frame.OnLostNone} {
		synctest.Test(t, func(t *testing.T) {
			p := newProc(t)
			d, _ := leftAlone(t, frame.Start{OnLost: onLost}, Config{}, lost["reset"].how, p, nil)
			assert.Equal(t, []string{"terminate@1s"}, p.said())
			assert.Equal(t, frame.Canceled, d.verdict.Kind)
		})
	}
}

// terminalProc can kill the foreground alone.
type terminalProc struct{ *proc }

func (p terminalProc) KillForeground() error {
	defer p.asked("kill foreground")()
	p.die("KILL")
	return nil
}

func TestSem25_ALostTerminalIsHungUpAndItsForegroundKilled(t *testing.T) {
	for name, able := range map[string]bool{"kill foreground": true, "signal KILL": false} {
		synctest.Test(t, func(t *testing.T) {
			p := newProc(t)
			p.spawn() // tmux
			w := newWire(window)
			d := serve(t, w, p, Config{Start: func(_ context.Context, s frame.Start) (Process, frame.Started, *Failure) {
				p.terminal = true
				told := frame.Started{Session: sessionID}
				if able {
					return terminalProc{p}, told, nil
				}
				return p, told, nil
			}}, nil)
			c, err := Start(t.Context(), w.client, frame.Start{Terminal: &frame.Terminal{}}, IO{})
			require.NoError(t, err)
			time.Sleep(time.Second)
			w.lose(syscall.ECONNRESET)
			_, err = c.Wait()
			require.Error(t, err)
			synctest.Wait()
			_, err = p.out.Write([]byte("x"))
			assert.ErrorIs(t, err, syscall.EPIPE, "the terminal is closed at once")
			<-d.done
			assert.Equal(t, []string{name + "@6s"}, p.said())
			assert.Equal(t, frame.Disconnected, d.verdict.Kind)
			assert.Equal(t, uint32(1), d.verdict.Survivors, "the rest lives on")
			p.empty()
		})
	}
}

func TestAnEndingOutlivesItsViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.onTerminate = func() {}
		c, d := begin(t, t.Context(), frame.Start{OnLost: frame.OnLostNone}, IO{}, Config{}, p, nil)
		require.NoError(t, c.Cancel(frame.CancelUser))
		time.Sleep(time.Second)
		d.w.lose(syscall.ECONNRESET)
		_, err := c.Wait()
		require.Error(t, err)
		<-d.done
		assert.Equal(t, []string{"terminate@0s", "kill@5s"}, p.said())
		assert.Equal(t, frame.Canceled, d.verdict.Kind)
	})
}

func TestAViewerLostDuringDeliveryKillsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		p := newProc(t)
		p.spawn()
		c, d := begin(t, t.Context(), frame.Start{}, IO{Stdout: out}, Config{}, p, func(p *proc) {
			_, _ = p.out.Write(make([]byte, 3*window))
			p.leave(1)
		})
		time.Sleep(time.Minute)
		d.w.lose(syscall.ECONNRESET)
		close(out.open)
		_, err := c.Wait()
		require.Error(t, err)
		<-d.done
		assert.Empty(t, p.said())
		assert.Equal(t, frame.Exited, d.verdict.Kind)
		p.empty()
	})
}

func TestTheClientsContextCancelsAndTheVerdictStillComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.onTerminate = func() {}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var out bytes.Buffer
		c, d := begin(t, ctx, frame.Start{}, IO{Stdout: &out}, Config{}, p, func(p *proc) { _, _ = p.out.Write([]byte("before")) })
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, frame.Canceled, r.Verdict.Kind)
		assert.Equal(t, []string{"terminate@3s", "kill@8s"}, p.said())
		assert.Equal(t, "before", out.String())
		<-d.done
	})
}

func TestTheClientsContextBoundsTheWaitForTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := newSlow()
		ctx, cancel := context.WithCancelCause(t.Context())
		w := newWire(window) // nobody at the other end
		c, err := Start(ctx, w.client, frame.Start{}, IO{Stdout: stuck})
		require.NoError(t, err)
		require.NoError(t, w.daemon.Send(frame.TypeStarted, frame.Started{Session: sessionID}.Append(nil)))
		_, err = w.daemon.Fill(frame.LaneOut, strings.NewReader("stuck in the writer"))
		require.NoError(t, err)
		synctest.Wait()
		began := time.Now()
		cancel(errors.New("enough"))
		_, err = c.Wait()
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown)
		assert.ErrorContains(t, err, "enough")
		assert.Equal(t, CancelWait, time.Since(began))
		assert.Equal(t, []frame.Ending{{Code: frame.CodeCanceled, Text: ""}}, w.client.resets)
		assert.Equal(t, []frame.Type{frame.TypeStart, frame.TypeStarted, frame.TypeCancel}, w.log)
		close(stuck.open)
	})
}

func TestStartAfterTheContextsEndSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too late"))
		w := newWire(window)
		_, err := Start(ctx, w.client, frame.Start{}, IO{})
		require.ErrorContains(t, err, "too late")
		_, err = Start(t.Context(), w.client, frame.Start{Argv: []string{"a\x00b"}}, IO{})
		require.ErrorContains(t, err, "NUL")
		assert.Empty(t, w.log)
		w.lose(syscall.EPIPE)
		_, err = Start(t.Context(), w.client, frame.Start{}, IO{})
		require.ErrorIs(t, err, syscall.EPIPE)
	})
}

func TestTheDaemonsEndDuringConfigStartIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(window)
		var cause atomic.Value
		d := serve(t, w, nil, Config{Start: func(ctx context.Context, _ frame.Start) (Process, frame.Started, *Failure) {
			<-ctx.Done()
			cause.Store(context.Cause(ctx))
			return nil, frame.Started{}, &Failure{Kind: frame.StartFailed, Code: 126, Reason: "canceled"}
		}}, nil)
		c, err := Start(t.Context(), w.client, frame.Start{}, IO{})
		require.NoError(t, err)
		synctest.Wait()
		w.lose(syscall.ECONNRESET)
		_, err = c.Wait()
		require.Error(t, err)
		<-d.done
		assert.ErrorIs(t, cause.Load().(error), syscall.ECONNRESET)
		assert.Equal(t, frame.StartFailed, d.verdict.Kind)
	})
}

func TestReportHearsWhatWentWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		var heard []string
		cfg := Config{Report: func(err error) { heard = append(heard, err.Error()) }}
		w := newWire(window)
		cfg.Start = func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
			return deaf{p}, frame.Started{Session: sessionID}, nil
		}
		d := serve(t, w, p, cfg, nil)
		c, err := Start(t.Context(), w.client, frame.Start{}, IO{})
		require.NoError(t, err)
		require.NoError(t, c.Signal("NOSUCH"))
		synctest.Wait()
		p.leave(0)
		_, err = c.Wait()
		require.NoError(t, err)
		<-d.done
		assert.Equal(t, []string{`session: signal NOSUCH: no such signal`}, heard)
	})
}

type deaf struct{ *proc }

func (deaf) Signal(string) error { return errors.New("no such signal") }
