package session

import (
	"bytes"
	"context"
	"errors"
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

// script reads a fuzzer's bytes as decisions.
type script struct{ b []byte }

func (s *script) next() byte {
	if len(s.b) == 0 {
		return 0
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

// some gives up to 8 of the script's bytes as a payload.
func (s *script) some() []byte {
	n := min(int(s.next()%9), len(s.b))
	p := s.b[:n]
	s.b = s.b[n:]
	return p
}

var messageTypes = []frame.Type{frame.TypeStart, frame.TypeStarted, frame.TypeVerdict, frame.TypeVerdictAck, frame.TypeResize,
	frame.TypeSignal, frame.TypeCancel, frame.TypeAttach, 0x90}

// FuzzDaemon lets a client, a command and a daemon's operator do anything in any order. Whatever they do, Serve returns
// once the stream is over and the leader gone, the process is released, and one valid verdict was told.
func FuzzDaemon(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte{8, 8, 8, 12, 3, 2, 10, 14, 14, 13, 0, 6, 11, 1, 10, 9})
	f.Add([]byte{5, 1, 15, 60, 11, 2, 15, 200, 9, 12, 4, 1, 3})
	f.Add([]byte{13, 9, 15, 10, 2, 1, 16, 15, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{b}
			first := s.next()
			start := frame.Start{
				NoStdin: first&1 != 0,
				OnLost:  frame.OnLost(first >> 1 & 3),
				Linger:  int64(first>>3&3)*700 - 1,
				Timeout: int64(first>>5&1) * 3000,
			}
			if start.Linger > 1000 {
				start.Terminal = &frame.Terminal{}
			}
			p := newProc(t)
			if first&64 != 0 {
				p.onTerminate = func() {}
			}
			if first&128 != 0 {
				p.onSignal = func(string) {}
			}
			w := newWire(100)
			d := serve(t, w, p, Config{EndSurvivors: s.next()&1 != 0}, nil)
			defer func() {
				p.closeAll()
				p.empty()
			}()
			_ = w.client.Send(frame.TypeStart, start.Append(nil))
			gone := false
			for len(s.b) > 0 {
				synctest.Wait()
				switch op := s.next() % 17; op {
				case 0, 1, 2, 3: // what a decent client says
					_ = w.client.Send(frame.TypeSignal, frame.Signal{Seq: uint32(op) + 1, Name: "INT"}.Append(nil))
				case 4:
					_ = w.client.Send(frame.TypeCancel, []byte{s.next()})
				case 5:
					_ = w.client.Send(frame.TypeResize, make([]byte, 8))
				case 6: // and what another may say
					_ = w.client.Send(messageTypes[int(s.next())%len(messageTypes)], s.some())
				case 7:
					if n, err := w.client.room(frame.LaneIn); err == nil && n > 0 {
						_, _ = w.client.Fill(frame.LaneIn, bytes.NewReader(s.some()))
					}
				case 8:
					_ = w.client.CloseLane(frame.LaneIn)
				case 9:
					w.client.Stop(frame.LaneOut + s.next()%2)
				case 10:
					lane := frame.LaneOut + s.next()%2
					w.client.Advance(lane, min(len(w.client.in[lane].buf), 64))
				case 11: // the command
					if !gone {
						p.out.mu.Lock()
						room := len(p.out.buf) < pipeSize-8
						p.out.mu.Unlock()
						if room {
							_, _ = p.out.Write(s.some())
						}
					}
				case 12:
					if !gone {
						gone = true
						p.leave(int64(s.next()))
					}
				case 13:
					if !gone && !p.released.Load() {
						p.spawn()
					}
				case 14:
					_, _ = io.CopyN(io.Discard, eager{p.in}, 50)
				case 15:
					time.Sleep(time.Duration(s.next()) * 20 * time.Millisecond)
				case 16:
					switch s.next() % 6 {
					case 0:
						w.client.Reset(frame.CodeCanceled, "")
					case 1:
						_ = w.client.Close()
					case 2:
						d.cancel(&EndError{Reason: "fuzz"})
					case 3:
						d.cancel(errors.New("fuzz"))
					case 4:
						w.lose(syscall.ECONNRESET)
					case 5:
						p.empty()
					}
				}
			}
			synctest.Wait()
			w.lose(io.ErrUnexpectedEOF)
			time.Sleep(time.Hour)
			if !gone {
				p.die("HUP")
			}
			<-d.done
			require.NoError(t, d.verdict.Validate())
			require.Equal(t, []frame.Verdict{d.verdict}, d.ended)
			require.True(t, p.released.Load())
		})
	})
}

// eager reads what is there and never waits.
type eager struct{ *pipe }

func (e eager) Read(b []byte) (int, error) {
	if n, err := e.Pending(); n == 0 || err != nil {
		return 0, io.EOF
	}
	return e.pipe.Read(b)
}

// FuzzClient lets a daemon and a caller do anything in any order. Whatever they do, Wait returns once the stream is
// over, and a nil error means that STARTED, both EOFs and a verdict with the right counts came and all was written.
func FuzzClient(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 3, 3, 4, 1})
	f.Add([]byte{0, 4, 4, 4, 1, 10})
	f.Add([]byte{0, 0, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte{1, 0, 1, 2, 2, 200, 7, 0, 3, 3, 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{b}
			first := s.next()
			w := newWire(100)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out, errs buffer
			stdio := IO{Stdout: &out, Stderr: &errs}
			if first&1 != 0 {
				stdio.Stdout = &heads{lines: int(first >> 4)}
			}
			if first&2 != 0 {
				stdio.Stdin = io.LimitReader(zeros{}, 1000)
			}
			if first&4 != 0 {
				stdio.Stderr = failing{syscall.ENOSPC}
			}
			if first&8 != 0 {
				stdio.Stdin = io.MultiReader(strings.NewReader("x"), errReader{syscall.EIO})
			}
			c, err := Start(ctx, w.client, frame.Start{}, stdio)
			require.NoError(t, err)
			told, sent := false, [4]string{}
			for len(s.b) > 0 {
				synctest.Wait()
				switch op := s.next() % 16; op {
				case 0:
					told = w.daemon.Send(frame.TypeStarted, frame.Started{Session: sessionID}.Append(nil)) == nil || told
				case 1, 2:
					lane := frame.LaneOut + op - 1
					data := s.some()
					if n, err := w.daemon.room(lane); err == nil && n > 0 && n >= len(data) {
						_, _ = w.daemon.Fill(lane, bytes.NewReader(data))
						sent[lane] += string(data)
					}
				case 3:
					_ = w.daemon.CloseLane(frame.LaneOut)
					_ = w.daemon.CloseLane(frame.LaneErr)
				case 4, 5: // a true verdict, or one with a lie in it
					v := frame.Verdict{Kind: frame.Kind(s.next()%9) + 1, Out: w.daemon.Sent(frame.LaneOut), Err: w.daemon.Sent(frame.LaneErr)}
					if v.Kind == frame.Signaled {
						v.Signal = "INT"
					}
					if op == 5 {
						v.Out += uint64(s.next())
					}
					_ = w.daemon.Send(frame.TypeVerdict, v.Append(nil))
				case 6:
					_ = w.daemon.Send(messageTypes[int(s.next())%len(messageTypes)], s.some())
				case 7:
					w.daemon.Stop(frame.LaneIn)
				case 8:
					w.daemon.Advance(frame.LaneIn, min(len(w.daemon.in[frame.LaneIn].buf), 64))
				case 9:
					_ = w.daemon.Close()
				case 10:
					w.daemon.Reset(frame.Code(s.next()%12), "fuzz")
				case 11:
					w.lose(syscall.ECONNRESET)
				case 12:
					cancel()
				case 13:
					_ = c.Cancel(frame.CancelUser)
				case 14:
					_ = c.Signal("INT")
				case 15:
					time.Sleep(time.Duration(s.next()) * 50 * time.Millisecond)
				}
			}
			synctest.Wait()
			w.lose(io.ErrUnexpectedEOF)
			r, err := c.Wait()
			synctest.Wait() // what still pumps ends with it
			if err != nil {
				var local *LocalError
				if errors.As(err, &local) {
					require.NoError(t, r.Verdict.Validate(), "a local failure does not hide the verdict")
				}
				return
			}
			require.NoError(t, r.Verdict.Validate())
			require.Equal(t, r.Verdict.Kind.Ran(), r.Started != nil)
			require.True(t, told || !r.Verdict.Kind.Ran())
			require.True(t, closed(w.client.EOFSeen(frame.LaneOut)) && closed(w.client.EOFSeen(frame.LaneErr)))
			if !r.StoppedOut {
				require.Equal(t, r.Verdict.Out, r.Out)
			}
			if !r.StoppedOut && first&1 == 0 {
				require.Equal(t, sent[frame.LaneOut], out.String())
			}
			if !r.StoppedErr {
				require.Equal(t, r.Verdict.Err, r.Err)
				assert.Equal(t, sent[frame.LaneErr], errs.String())
			}
		})
	})
}
