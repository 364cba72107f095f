package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestSem01_ExitCodesPassThrough(t *testing.T) {
	for _, code := range []int64{0, 1, 4, 5, 44, 126, 127, 128, 254, 255} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := must(t, frame.Start{Line: "exit"}, IO{}, func(p *proc) { p.leave(code) })
			assert.Equal(t, frame.Exited, r.Verdict.Kind)
			assert.Equal(t, code, r.Verdict.Code)
		})
	}
}

func TestSem02_DeathByASignalIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := must(t, frame.Start{}, IO{}, func(p *proc) {
			p.closeAll()
			p.exit <- exit{signal: "SEGV", core: true}
		})
		assert.Equal(t, frame.Signaled, r.Verdict.Kind)
		assert.Equal(t, "SEGV", r.Verdict.Signal)
		assert.True(t, r.Verdict.Core)
	})
}

func TestSem03_AWindowsCodeArrivesExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := must(t, frame.Start{}, IO{}, func(p *proc) { p.leave(0xC0000005) })
		assert.Equal(t, int64(0xC0000005), r.Verdict.Code)
	})
}

func TestSem04_OutputsClosedEarlyKeepTheCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := must(t, frame.Start{}, IO{}, func(p *proc) {
			p.out.drop()
			p.err.drop()
			time.Sleep(time.Hour)
			p.leave(44)
		})
		assert.Equal(t, int64(44), r.Verdict.Code)
		assert.Zero(t, r.Verdict.Held)
		assert.Equal(t, time.Hour.Microseconds(), r.Verdict.Wall)
		assert.Empty(t, d.p.said(), "a command that ends by itself is not signalled")
	})
}

// TestSem05_CutAnywhereNeverLooksLikeSuccess loses the connection after every unit that passes: each message, each
// byte, each EOF and each end.
func TestSem05_CutAnywhereNeverLooksLikeSuccess(t *testing.T) {
	out, in := strings.Repeat("0123456789abcdef", 40), strings.Repeat("x", 300)
	script := func(p *proc) {
		n, _ := io.Copy(io.Discard, p.in)
		_, _ = p.out.Write([]byte(out))
		_, _ = fmt.Fprintf(p.err, "%d", n)
		p.leave(0)
	}
	total := 0
	once := func(t *testing.T, budget int) (whole bool) {
		synctest.Test(t, func(t *testing.T) {
			w := newWire(window)
			w.budget = budget
			if budget == 0 {
				w.lose(errCut)
			}
			d := serve(t, w, newProc(t), Config{}, script)
			var stdout, stderr buffer
			c, err := Start(t.Context(), w.client, frame.Start{}, IO{Stdin: strings.NewReader(in), Stdout: &stdout, Stderr: &stderr})
			if err != nil {
				require.Zero(t, budget)
				<-d.done
				return
			}
			r, err := c.Wait()
			<-d.done
			require.True(t, strings.HasPrefix(out, stdout.String()))
			if err == nil {
				require.Equal(t, out, stdout.String())
				require.Equal(t, "300", stderr.String())
				require.Equal(t, int64(0), r.Verdict.Code)
				whole = true
			} else {
				var unknown *UnknownError
				require.ErrorAs(t, err, &unknown)
				var conn *frame.ConnError
				require.ErrorAs(t, err, &conn)
			}
			if d.p.calls != nil || len(d.ended) > 0 {
				require.True(t, d.p.released.Load())
			}
			total = max(total, w.passed)
		})
		return whole
	}
	require.True(t, once(t, -1))
	require.Greater(t, total, len(out)+len(in))
	believed := 0
	for budget := range total {
		if once(t, budget) {
			believed++
		}
	}
	assert.Positive(t, believed, "what follows the verdict is not needed")
	assert.Less(t, believed, 8, "only what follows the verdict is not needed")
}

func TestSem07_ADeadDaemonLeavesAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := begin(t, t.Context(), frame.Start{}, IO{}, Config{}, newProc(t), nil)
		synctest.Wait()
		d.w.lose(syscall.ECONNRESET)
		r, err := c.Wait()
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown)
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		assert.ErrorContains(t, err, "outcome unknown")
		assert.NotNil(t, r.Started)
		assert.Zero(t, r.Verdict.Kind)
		<-d.done
	})
}

func TestSem08_WhatCannotStartSaysWhyAndRanNothing(t *testing.T) {
	for _, f := range []Failure{
		{frame.StartFailed, 127, "nosuch: not found"},
		{frame.StartFailed, 126, "/tmp: is a directory"},
		{frame.Refused, 0, "user not allowed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire(window)
			d := serve(t, w, nil, Config{Start: func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
				return nil, frame.Started{}, &f
			}}, nil)
			c, err := Start(t.Context(), w.client, frame.Start{}, IO{Stdin: strings.NewReader(strings.Repeat("x", window*3))})
			require.NoError(t, err)
			r, err := c.Wait()
			require.NoError(t, err)
			assert.Equal(t, frame.Verdict{Kind: f.Kind, Code: f.Code, Reason: f.Reason}, r.Verdict)
			assert.Nil(t, r.Started)
			<-d.done
			assert.Equal(t, []frame.Type{frame.TypeStart, frame.TypeVerdict, frame.TypeVerdictAck}, w.log)
			assert.Equal(t, []frame.Verdict{r.Verdict}, d.ended)
		})
	}
}

func TestSem09_TheVerdictNeverOvertakesOutput(t *testing.T) {
	for _, terminal := range []*frame.Terminal{nil, {}} {
		for range 50 {
			synctest.Test(t, func(t *testing.T) {
				var out buffer
				r, _ := must(t, frame.Start{Terminal: terminal}, IO{Stdout: &out}, func(p *proc) {
					_, _ = p.out.Write(make([]byte, 100000))
					p.leave(7)
				})
				assert.Equal(t, 100000, len(out.String()))
				assert.Equal(t, uint64(100000), r.Verdict.Out)
				assert.Equal(t, r.Out, r.Verdict.Out)
				assert.Equal(t, int64(7), r.Verdict.Code)
			})
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestSem10_ALocalWriteErrorIsNamedAndTheVerdictKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d, err := run(t, frame.Start{}, IO{Stdout: failing{syscall.ENOSPC}}, func(p *proc) {
			for {
				if _, err := p.out.Write([]byte("y\n")); err != nil {
					assert.ErrorIs(t, err, syscall.EPIPE)
					p.die("PIPE")
					return
				}
			}
		})
		var local *LocalError
		require.ErrorAs(t, err, &local)
		assert.Equal(t, frame.LaneOut, local.Lane)
		assert.ErrorIs(t, err, syscall.ENOSPC)
		assert.Equal(t, "PIPE", r.Verdict.Signal)
		assert.True(t, r.StoppedOut)
		assert.False(t, r.StoppedErr)
		assert.Equal(t, frame.Signaled, d.verdict.Kind)
	})
}

func TestSem10_AShortWriteIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := run(t, frame.Start{}, IO{Stderr: failing{nil}}, func(p *proc) {
			_, _ = p.err.Write([]byte("lost"))
			p.leave(0)
		})
		var local *LocalError
		require.ErrorAs(t, err, &local)
		assert.Equal(t, frame.LaneErr, local.Lane)
		assert.ErrorIs(t, err, io.ErrShortWrite)
	})
}

func TestSem10_EPIPEIsQuietAndTheCodeTheCommandsOwn(t *testing.T) {
	for _, gone := range []error{syscall.EPIPE, fmt.Errorf("write |1: %w", syscall.EPIPE), io.ErrClosedPipe} {
		synctest.Test(t, func(t *testing.T) {
			r, _, err := run(t, frame.Start{}, IO{Stdout: failing{gone}}, func(p *proc) {
				_, _ = p.out.Write([]byte("nobody reads"))
				time.Sleep(time.Second)
				p.leave(3)
			})
			require.NoError(t, err)
			assert.Equal(t, int64(3), r.Verdict.Code)
			assert.True(t, r.StoppedOut)
		})
	}
}

func TestWhatWaitCannotTellIsAVerdictOfKindUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := must(t, frame.Start{}, IO{}, func(p *proc) {
			p.closeAll()
			p.exit <- exit{err: errors.New("waitid: no child")}
		})
		assert.Equal(t, frame.Unknown, r.Verdict.Kind)
		assert.Equal(t, "waitid: no child", r.Verdict.Reason)
	})
}

func TestTheVerdictCarriesCountsAndUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		r, d := must(t, frame.Start{Line: "x"}, IO{Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errs}, func(p *proc) {
			_, _ = io.Copy(p.out, p.in)
			_, _ = p.err.Write([]byte("err"))
			time.Sleep(time.Second)
			p.leave(0)
		})
		assert.Equal(t, frame.Verdict{Kind: frame.Exited, In: 5, Out: 5, Err: 3, Wall: 1e6, User: 3000, System: 2000, Peak: 1 << 20}, r.Verdict)
		assert.Equal(t, [3]uint64{5, 5, 3}, [3]uint64{r.In, r.Out, r.Err})
		assert.Equal(t, sessionID, r.Started.Session)
		assert.Equal(t, "x", d.start.Line)
		assert.Equal(t, []frame.Type{frame.TypeStart, frame.TypeStarted, frame.TypeVerdict, frame.TypeVerdictAck}, d.w.log)
		assert.Empty(t, d.w.client.resets)
		assert.Empty(t, d.w.daemon.resets)
	})
}
