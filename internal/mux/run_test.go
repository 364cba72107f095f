package mux

import (
	"bufio"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestRunSaysWhyTheConnectionEnded(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		end  func(ours *side, peer *raw)
		want *frame.ConnError // nil: Run returns nil
	}{
		"the peer closed":       {func(_ *side, p *raw) { _ = p.CloseWrite() }, &frame.ConnError{Text: "the other side closed the connection", Err: io.EOF}},
		"amid a frame":          {func(_ *side, p *raw) { p.say([]byte{0, 0}); _ = p.CloseWrite() }, &frame.ConnError{Text: "the other side closed the connection", Err: io.EOF}},
		"Close":                 {func(s *side, _ *raw) { s.Close() }, nil},
		"Close twice":           {func(s *side, _ *raw) { s.Close(); s.Close() }, nil},
		"Abort":                 {func(s *side, _ *raw) { s.Abort(broken) }, &frame.ConnError{Text: "aborted", Err: broken}},
		"Close behind an Abort": {func(s *side, _ *raw) { s.Abort(broken); s.Close() }, &frame.ConnError{Text: "aborted", Err: broken}},
		"GOAWAY and then closed": {func(_ *side, p *raw) {
			p.say(fr(frame.TypeGoAway, 0, 0, 0, 6, 'n', 'o'))
			_ = p.CloseWrite()
		}, &frame.ConnError{Code: frame.CodeRefused, Text: "no", Remote: true, Err: io.EOF}},
	} {
		for _, role := range []Role{Client, Daemon} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					ours, peer := against(Config{Role: role})
					synctest.Wait()
					row.end(ours, peer)
					synctest.Wait()
					_ = peer.Close()
					<-ours.done
					if row.want == nil {
						assert.NoError(t, ours.err)
						return
					}
					assert.Equal(t, error(row.want), ours.err)
				})
			})
		}
	}
}

func TestACloseWritesWhatIsQueuedFirst(t *testing.T) {
	for _, role := range []Role{Client, Daemon} {
		bubble(t, func(t *testing.T) {
			a, b := duplexes()
			ours := run(New(Config{Role: role}), a)
			synctest.Wait()
			s, err := ours.Open(frame.KindExec, [2]uint64{}, true)
			require.NoError(t, err)
			require.NoError(t, s.Send(frame.TypeStart, make([]byte, 200000)))
			ours.Close()
			_, err = ours.Open(frame.KindExec, [2]uint64{}, true)
			assert.Error(t, err)
			time.Sleep(4 * time.Second) // the peer is slow
			require.NoError(t, ours.Context().Err())
			peer := newRaw(b)
			peer.expect(t, frame.TypeOpen)
			assert.Len(t, peer.expect(t, frame.TypeStart).payload, 200000)
			_, more := <-peer.frames
			assert.False(t, more, "the writing side is closed behind it")
			_, _, err = s.Recv(t.Context())
			assert.ErrorIs(t, err, frame.ErrClosed)
			_ = peer.Close()
			<-ours.done
			assert.NoError(t, ours.err)
		})
	}
}

func TestAClosingDaemonDropsWhatComesForTenSecondsAtMost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon, Ping: time.Second, PingCount: 1})
		peer.say(openFrame(1, 100))
		s, err := ours.Accept(t.Context())
		require.NoError(t, err)
		peer.expect(t, frame.TypeAccept)
		ours.Close()
		began := time.Now()
		_, more := <-peer.frames
		assert.False(t, more)
		<-s.Context().Done() // the streams end at once
		for range 9 {        // whatever comes, even what would be a violation
			peer.say(fr(0x7f, 9, 9, make([]byte, 100)...), fr(frame.TypePing, 0, 0, u64(1)...))
			time.Sleep(time.Second)
		}
		select {
		case <-ours.done:
			require.Fail(t, "ended before the peer did")
		default:
		}
		<-ours.done
		assert.NoError(t, ours.err)
		assert.Equal(t, 10*time.Second, time.Since(began))
		_ = peer.Close()
	})
}

func TestAnAbortEndsTheDrain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		synctest.Wait()
		ours.Close()
		<-peer.frames
		began := time.Now()
		ours.Abort(io.ErrNoProgress)
		<-ours.done
		assert.ErrorIs(t, ours.err, io.ErrNoProgress)
		assert.Less(t, time.Since(began), 2*time.Second)
		_ = peer.Close()
	})
}

func TestAClosingClientWaitsForNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		synctest.Wait()
		began := time.Now()
		ours.Close()
		<-ours.done
		assert.Zero(t, time.Since(began))
		assert.NoError(t, ours.err)
		peer.hangUp(ours)
	})
}

func TestRunBehindCloseStillSaysWhatWasQueued(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := New(Config{Role: Daemon})
		c.GoAway(frame.CodeRefused, "expired")
		c.Close()
		require.Error(t, c.Context().Err())
		a, b := duplexes()
		ours, peer := run(c, a), newRaw(b)
		e, err := frame.ParseEnding(peer.expect(t, frame.TypeGoAway).payload)
		require.NoError(t, err)
		assert.Equal(t, frame.Ending{Code: frame.CodeRefused, Text: "expired"}, e)
		_, more := <-peer.frames
		assert.False(t, more)
		peer.say([]byte("whatever"))
		peer.hangUp(ours)
		assert.NoError(t, ours.err)
	})
}

func TestRunBehindAbortEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := New(Config{Role: Client})
		s, err := c.Open(frame.KindExec, [2]uint64{}, true)
		require.NoError(t, err)
		c.Abort(io.ErrNoProgress)
		<-s.Context().Done()
		a, b := duplexes()
		ours := run(c, a)
		<-ours.done
		assert.ErrorIs(t, ours.err, io.ErrNoProgress)
		_ = b.Close()
	})
}

func TestALossIsSeenByEveryCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		_, err := ds.Write(2, []byte("kept"))
		require.NoError(t, err)
		synctest.Wait()
		errs := make(chan error)
		for _, f := range []func() error{
			func() error { _, _, err := cs.Recv(t.Context()); return err },
			func() error { _, err := cs.Write(1, make([]byte, 1<<20)); return err },
			func() error { _, err := cs.Next(t.Context(), 3); return err },
			func() error { return cs.Flushed(t.Context(), 1) },
			func() error { _, err := c.Accept(t.Context()); return err },
		} {
			go func() { errs <- f() }()
		}
		synctest.Wait()
		d.Abort(io.ErrNoProgress)
		for range 5 {
			assert.ErrorAs(t, <-errs, new(*frame.ConnError))
		}
		<-cs.Context().Done()
		<-c.Idle()
		p, err := cs.Next(t.Context(), 2) // what had come is still there, and no clean EOF behind it
		require.NoError(t, err)
		assert.Equal(t, "kept", string(p))
		cs.Advance(2, len(p))
		_, err = cs.Next(t.Context(), 2)
		assert.ErrorAs(t, err, new(*frame.ConnError))
		_, err = c.Open(frame.KindExec, [2]uint64{}, true)
		assert.ErrorAs(t, err, new(*frame.ConnError))
		assert.ErrorAs(t, cs.Send(frame.TypeVerdictAck, nil), new(*frame.ConnError))
		<-c.done
		<-d.done
	})
}

func TestAPeersLastWordsArriveThoughOurWriteFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		ours := run(New(Config{Role: Client}), a)
		s, err := ours.Open(frame.KindExec, [2]uint64{100, 0}, true)
		require.NoError(t, err)
		r := bufio.NewReader(b)
		_, err = io.ReadFull(r, make([]byte, len(openFrame(1))))
		require.NoError(t, err)
		require.NoError(t, b.r.Close()) // takes nothing any more
		require.NoError(t, s.Send(frame.TypeStart, []byte{0xa0}))
		synctest.Wait()
		_, err = b.Write(append(fr(frame.TypeAccept, 0, 1, u64(0, 0)...), fr(frame.TypeVerdict, 0, 1, 0xa0)...))
		require.NoError(t, err)
		ty, _, err := s.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, frame.TypeVerdict, ty)
		<-ours.done
		var ce *frame.ConnError
		require.ErrorAs(t, ours.err, &ce)
		assert.Equal(t, "write", ce.Text)
		_ = b.Close()
	})
}

func TestTakeQueuedGivesAFirstFlightOrLeavesItForRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := New(Config{Role: Client, RTT: time.Millisecond})
		assert.Nil(t, c.TakeQueued(1<<20))
		s, err := c.Open(frame.KindExec, [2]uint64{65536, 65536}, true)
		require.NoError(t, err)
		require.NoError(t, s.Send(frame.TypeStart, make([]byte, 100)))
		assert.Nil(t, c.TakeQueued(100))
		flight := c.TakeQueued(1 << 10)
		assert.Equal(t, append(openFrame(1, 65536, 65536), fr(frame.TypeStart, 0, 1, make([]byte, 100)...)...), flight)
		assert.Nil(t, c.TakeQueued(1<<20))
		c.SetTimes(time.Second, 1)
		c.SetLimits(1024)
		a, b := duplexes()
		ours, peer := run(c, a), newRaw(b)
		peer.say(fr(frame.TypeAccept, 0, 1, u64(5000, 0)...))
		_, err = s.Write(1, make([]byte, 2000))
		require.NoError(t, err)
		assert.EqualValues(t, 1024, peer.expect(t, frame.TypeData).Length)
		began := time.Now()
		<-ours.Context().Done()
		assert.Equal(t, 2*time.Second, time.Since(began))
		peer.hangUp(ours)
	})
}

func TestNothingIsOpenedBehindTheEnd(t *testing.T) {
	c := New(Config{Role: Daemon, Accept: takeAll})
	c.Abort(io.ErrNoProgress)
	o := openFrame(1)
	assert.ErrorIs(t, c.onMessage(frame.ParseHeader(o), o[frame.HeaderSize:]), io.ErrNoProgress)
	assert.Zero(t, c.Streams())
}
