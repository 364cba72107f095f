package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func startPayload(s frame.Start) []byte { return s.Append(nil) }

// TestADaemonTakesNothingBeforeSTART: nothing runs, and RESET says why.
func TestADaemonTakesNothingBeforeSTART(t *testing.T) {
	for name, c := range map[string]struct {
		t    frame.Type
		p    []byte
		code frame.Code
	}{
		"ATTACH":      {frame.TypeAttach, frame.Attach{Session: sessionID}.Append(nil), frame.CodeNotSupported},
		"SIGNAL":      {frame.TypeSignal, frame.Signal{Seq: 1, Name: "INT"}.Append(nil), frame.CodeProtocol},
		"VERDICT":     {frame.TypeVerdict, frame.Verdict{Kind: frame.Exited}.Append(nil), frame.CodeProtocol},
		"VERDICT_ACK": {frame.TypeVerdictAck, nil, frame.CodeProtocol},
		"no map":      {frame.TypeStart, []byte{0x80}, frame.CodeProtocol},
		"bad START":   {frame.TypeStart, startPayload(frame.Start{Argv: []string{"a"}, Line: "b"}), frame.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(window)
				d := serve(t, w, nil, Config{Start: func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
					t.Error("it started")
					return nil, frame.Started{}, &Failure{Kind: frame.Refused}
				}}, nil)
				require.NoError(t, w.client.Send(frame.Skippable+1, nil), "a later version's message is skipped")
				require.NoError(t, w.client.Send(c.t, c.p))
				<-d.done
				require.Len(t, w.daemon.resets, 1)
				assert.Equal(t, c.code, w.daemon.resets[0].Code)
				assert.Equal(t, frame.Refused, d.verdict.Kind)
				assert.Empty(t, d.ended, "there was nothing to end")
			})
		})
	}
}

func TestADaemonWithoutSTARTEndsWithItsStreamOrContext(t *testing.T) {
	for name, end := range map[string]func(d *daemon){
		"lost":     func(d *daemon) { d.w.lose(io.ErrUnexpectedEOF) },
		"closed":   func(d *daemon) { _ = d.w.client.Close() },
		"shutdown": func(d *daemon) { d.cancel(&EndError{Reason: "shutdown"}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(window)
				d := serve(t, w, nil, Config{}, nil)
				synctest.Wait()
				end(d)
				<-d.done
				assert.Equal(t, frame.Refused, d.verdict.Kind)
				if name == "shutdown" {
					require.Len(t, w.daemon.resets, 1)
					assert.Equal(t, frame.CodeGoingAway, w.daemon.resets[0].Code, "safe to try elsewhere")
				}
			})
		})
	}
}

// TestADaemonResetsWhoBreaksARule while a command runs, and ends the command.
func TestADaemonResetsWhoBreaksARule(t *testing.T) {
	for name, c := range map[string]struct {
		t frame.Type
		p []byte
	}{
		"second START":      {frame.TypeStart, startPayload(frame.Start{})},
		"ATTACH":            {frame.TypeAttach, frame.Attach{Session: sessionID}.Append(nil)},
		"early VERDICT_ACK": {frame.TypeVerdictAck, nil},
		"STARTED":           {frame.TypeStarted, frame.Started{Session: sessionID}.Append(nil)},
		"VERDICT":           {frame.TypeVerdict, frame.Verdict{Kind: frame.Exited}.Append(nil)},
		"bad SIGNAL":        {frame.TypeSignal, []byte{0, 0, 0, 1, 'i', 'n', 't'}},
		"bad RESIZE":        {frame.TypeResize, []byte{1}},
		"bad CANCEL":        {frame.TypeCancel, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProc(t)
				w := newWire(window)
				d := serve(t, w, p, Config{}, nil)
				require.NoError(t, w.client.Send(frame.TypeStart, startPayload(frame.Start{OnLost: frame.OnLostNone})))
				require.NoError(t, w.client.Send(frame.Skippable, nil), "a later version's message is skipped")
				synctest.Wait()
				assert.Empty(t, p.said())
				require.NoError(t, w.client.Send(c.t, c.p))
				<-d.done
				require.Len(t, w.daemon.resets, 1)
				assert.Equal(t, frame.CodeProtocol, w.daemon.resets[0].Code)
				assert.NotEmpty(t, w.daemon.resets[0].Text)
				assert.Equal(t, []string{"terminate@0s"}, p.said())
				assert.Equal(t, frame.Ended, d.verdict.Kind)
			})
		})
	}
}

func TestADaemonDropsInputThatWasNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProc(t)
		p.in = nil
		w := newWire(window)
		d := serve(t, w, p, Config{Start: func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
			return noStdin{p}, frame.Started{Session: sessionID}, nil
		}}, nil)
		require.NoError(t, w.client.Send(frame.TypeStart, startPayload(frame.Start{})))
		<-w.client.Stopped(frame.LaneIn)
		p.out.drop()
		p.err.drop()
		p.exit <- exit{}
		synctest.Wait()
		require.NoError(t, w.client.Send(frame.TypeVerdictAck, nil))
		<-d.done
		assert.Equal(t, frame.Verdict{Kind: frame.Exited, User: 3000, System: 2000, Peak: 1 << 20}, d.verdict)
	})
}

type noStdin struct{ *proc }

func (noStdin) Stdin() io.WriteCloser { return nil }

// TestADaemonWaitsForTheAcknowledgement and for nothing else once VERDICT is out.
func TestADaemonWaitsForTheAcknowledgement(t *testing.T) {
	for name, end := range map[string]func(d *daemon){
		"VERDICT_ACK": func(d *daemon) { _ = d.w.client.Send(frame.TypeVerdictAck, nil) },
		"CLOSE":       func(d *daemon) { _ = d.w.client.Close() },
		"RESET":       func(d *daemon) { d.w.client.Reset(frame.CodeInternal, "") },
		"loss":        func(d *daemon) { d.w.lose(io.EOF) },
		"context":     func(d *daemon) { d.cancel(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(window)
				d := serve(t, w, newProc(t), Config{}, func(p *proc) { p.leave(4) })
				require.NoError(t, w.client.Send(frame.TypeStart, startPayload(frame.Start{})))
				synctest.Wait()
				assert.Contains(t, w.log, frame.TypeVerdict)
				for _, late := range []frame.Type{frame.TypeCancel, frame.TypeResize, frame.TypeSignal} {
					payload := map[frame.Type][]byte{frame.TypeCancel: {1}, frame.TypeResize: make([]byte, 8),
						frame.TypeSignal: {0, 0, 0, 1, 'I', 'N', 'T'}}[late]
					require.NoError(t, w.client.Send(late, payload), "what crossed the verdict")
				}
				d.cancelWith(&EndError{Reason: "crossed it too"}, name != "context")
				time.Sleep(time.Hour)
				select {
				case <-d.done:
					t.Fatal("it did not wait")
				default:
				}
				end(d)
				<-d.done
				assert.Equal(t, frame.Exited, d.verdict.Kind)
				assert.Equal(t, int64(4), d.verdict.Code)
				assert.Empty(t, d.p.said())
			})
		})
	}
}

func (d *daemon) cancelWith(err error, really bool) {
	if really {
		d.cancel(err)
	}
}

// liar is the daemon's end of a wire in the hands of a test, with a client at the other.
type liar struct {
	*end
	t *testing.T
}

func (l liar) started() {
	require.NoError(l.t, l.Send(frame.TypeStarted, frame.Started{Session: sessionID}.Append(nil)))
}

func (l liar) data(lane uint8, s string) {
	_, err := l.Fill(lane, strings.NewReader(s))
	require.NoError(l.t, err)
}

func (l liar) eofs() {
	require.NoError(l.t, l.CloseLane(frame.LaneOut))
	require.NoError(l.t, l.CloseLane(frame.LaneErr))
}

func (l liar) verdict(v frame.Verdict) {
	require.NoError(l.t, l.Send(frame.TypeVerdict, v.Append(nil)))
}

// deceived runs a client against a daemon that does what lie says.
func deceived(t *testing.T, lie func(l liar)) (string, *wire, error) {
	t.Helper()
	w := newWire(window)
	var out bytes.Buffer
	c, err := Start(t.Context(), w.client, frame.Start{}, IO{Stdin: strings.NewReader("input"), Stdout: &out})
	require.NoError(t, err)
	lie(liar{w.daemon, t})
	_, err = c.Wait()
	return out.String(), w, err
}

// TestAClientBelievesNoVerdictThatBreaksARule: the outcome is unknown, RESET says why, and nothing is acknowledged.
func TestAClientBelievesNoVerdictThatBreaksARule(t *testing.T) {
	ok := frame.Verdict{Kind: frame.Exited}
	for name, lie := range map[string]func(l liar){
		"before STARTED":          func(l liar) { l.eofs(); l.verdict(ok) },
		"before both EOFs":        func(l liar) { l.started(); l.verdict(ok) },
		"before one EOF":          func(l liar) { l.started(); _ = l.CloseLane(frame.LaneErr); l.verdict(ok) },
		"nothing ran, yet it did": func(l liar) { l.started(); l.eofs(); l.verdict(frame.Verdict{Kind: frame.Refused}) },
		"refused before EOFs":     func(l liar) { l.verdict(frame.Verdict{Kind: frame.Refused}) },
		"too many bytes":          func(l liar) { l.started(); l.eofs(); l.verdict(frame.Verdict{Kind: frame.Exited, Out: 1}) },
		"too few bytes":           func(l liar) { l.started(); l.data(frame.LaneOut, "x"); l.eofs(); l.verdict(ok) },
		"stderr miscounted":       func(l liar) { l.started(); l.data(frame.LaneErr, "x"); l.eofs(); l.verdict(ok) },
		"nothing ran, but printed": func(l liar) {
			l.data(frame.LaneOut, "x")
			l.eofs()
			l.verdict(frame.Verdict{Kind: frame.StartFailed, Code: 127})
		},
		"no verdict at all": func(l liar) { l.started(); l.eofs(); _ = l.Send(frame.TypeVerdict, []byte{0xa0}) },
		"CLOSE without one": func(l liar) { l.started(); l.eofs(); _ = l.Close() },
		"CLOSE at once":     func(l liar) { _ = l.Close() },
		"second STARTED":    func(l liar) { l.started(); l.started() },
		"STARTED elsewhere": func(l liar) {
			_ = l.Send(frame.TypeStarted, frame.Started{Session: sessionID, Offsets: [3]uint64{0, 5, 0}}.Append(nil))
		},
		"STARTED of nothing": func(l liar) { _ = l.Send(frame.TypeStarted, []byte{0xa0}) },
		"the client's words": func(l liar) { l.started(); _ = l.Send(frame.TypeCancel, []byte{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, w, err := deceived(t, lie)
				var unknown *UnknownError
				require.ErrorAs(t, err, &unknown)
				var reset *frame.StreamError
				require.ErrorAs(t, err, &reset)
				assert.Equal(t, frame.CodeProtocol, reset.Code)
				assert.False(t, reset.Remote)
				if !strings.HasPrefix(name, "CLOSE") {
					require.Len(t, w.client.resets, 1)
					assert.Equal(t, reset.Text, w.client.resets[0].Text)
				}
				assert.NotContains(t, w.log, frame.TypeVerdictAck)
			})
		})
	}
}

func TestAClientShowsNothingThatCameWithoutSTARTED(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _, err := deceived(t, func(l liar) {
			l.data(frame.LaneOut, "who says this?")
			time.Sleep(time.Hour)
			l.w.lose(io.ErrUnexpectedEOF)
		})
		require.Error(t, err)
		assert.Empty(t, out)
	})
}

// TestAClientKnowsWhenNothingRan: some RESETs before STARTED leave nothing unknown.
func TestAClientKnowsWhenNothingRan(t *testing.T) {
	for code, nothing := range map[frame.Code]bool{
		frame.CodeRefused: true, frame.CodeGoingAway: true, frame.CodeUnknownKind: true, frame.CodeNotSupported: true,
		frame.CodeOverload: true,
		frame.CodeInternal: false, frame.CodeShutdown: false, frame.CodeProtocol: false, frame.CodeNone: false,
	} {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := deceived(t, func(l liar) { l.Reset(code, "said so") })
				var reset *frame.StreamError
				require.ErrorAs(t, err, &reset)
				assert.Equal(t, frame.StreamError{Code: code, Text: "said so", Remote: true}, *reset)
				var unknown *UnknownError
				assert.Equal(t, nothing, !errors.As(err, &unknown))

				_, _, err = deceived(t, func(l liar) { l.started(); l.Reset(code, "said so") })
				require.ErrorAs(t, err, &unknown, "behind STARTED it is always unknown")
			})
		})
	}
}

func TestAnOverloadThatItsOwnMessagesMayHaveCausedIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(window)
		c, err := Start(t.Context(), w.client, frame.Start{}, IO{})
		require.NoError(t, err)
		for range maxMessages {
			require.NoError(t, c.Signal("USR1"))
		}
		w.daemon.Reset(frame.CodeOverload, "")
		_, err = c.Wait()
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown)
	})
}

func TestTheVerdictStandsWhateverFollowsIt(t *testing.T) {
	for name, after := range map[string]func(l liar){
		"loss":        func(l liar) { l.w.lose(io.ErrUnexpectedEOF) },
		"reset":       func(l liar) { l.Reset(frame.CodeInternal, "") },
		"close":       func(l liar) { _ = l.Close() },
		"more of it":  func(l liar) { l.verdict(frame.Verdict{Kind: frame.Exited, Code: 9}) },
		"later words": func(l liar) { _ = l.Send(frame.Skippable, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := newSlow()
				w := newWire(window)
				c, err := Start(t.Context(), w.client, frame.Start{}, IO{Stdout: out})
				require.NoError(t, err)
				l := liar{w.daemon, t}
				l.started()
				l.data(frame.LaneOut, "all of it")
				l.eofs()
				_ = l.Send(frame.Skippable, []byte("a later version's"))
				l.verdict(frame.Verdict{Kind: frame.Exited, Code: 5, Out: 9})
				after(l)
				synctest.Wait()
				close(out.open)
				r, err := c.Wait()
				require.NoError(t, err)
				assert.Equal(t, int64(5), r.Verdict.Code)
				assert.Equal(t, "all of it", out.String())
			})
		})
	}
}

func TestAnIllegalMoveIsLoud(t *testing.T) {
	p, s, c := running, forced, judged
	assert.PanicsWithValue(t, "session: running does not move to reported", func() { p.move(reported) })
	assert.PanicsWithValue(t, "session: forced does not move to asked", func() { s.move(asked) })
	assert.PanicsWithValue(t, "session: judged does not move to waiting", func() { c.move(waiting) })
}

// refusing is a stream that takes no message of one type.
type refusing struct {
	*end
	t frame.Type
}

func (r refusing) Send(t frame.Type, p []byte) error {
	if t == r.t {
		return &frame.StreamError{Code: frame.CodeOverload, Text: "too much is queued"}
	}
	return r.end.Send(t, p)
}

// TestAClientNeverWaitsForWhatCouldNotBeSent: RESET instead, and the outcome is unknown.
func TestAClientNeverWaitsForWhatCouldNotBeSent(t *testing.T) {
	for _, lacking := range []frame.Type{frame.TypeStarted, frame.TypeVerdict} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire(window)
			c, err := Start(t.Context(), w.client, frame.Start{}, IO{})
			require.NoError(t, err)
			p := newProc(t)
			p.leave(0)
			v := Serve(t.Context(), refusing{w.daemon, lacking}, Config{
				Start: func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
					return p, frame.Started{Session: sessionID}, nil
				}})
			assert.Contains(t, []frame.Kind{frame.Exited, frame.Ended}, v.Kind)
			_, err = c.Wait()
			var unknown *UnknownError
			require.ErrorAs(t, err, &unknown)
		})
	}
}

func TestALongReasonFitsTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(window)
		d := serve(t, w, nil, Config{Start: func(context.Context, frame.Start) (Process, frame.Started, *Failure) {
			return nil, frame.Started{}, &Failure{Kind: frame.StartFailed, Code: 126, Reason: strings.Repeat("长", 200_000)}
		}}, nil)
		c, err := Start(t.Context(), w.client, frame.Start{}, IO{})
		require.NoError(t, err)
		r, err := c.Wait()
		require.NoError(t, err)
		<-d.done
		assert.Equal(t, strings.Repeat("长", frame.MaxText/len("长")), r.Verdict.Reason)
	})
}
