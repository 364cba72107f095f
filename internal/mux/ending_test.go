package mux

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestCloseDropsDataAndKeepsMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(openFrame(1, 3))
		peer.expect(t, frame.TypeAccept)
		s, err := ours.Accept(t.Context())
		require.NoError(t, err)
		_, err = s.Write(2, []byte("dat"))
		require.NoError(t, err)
		peer.expect(t, frame.TypeData)
		require.NoError(t, s.Send(frame.TypeVerdict, []byte{0xa0}))
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		s.Reset(frame.CodeInternal, "too late")
		peer.expect(t, frame.TypeVerdict)
		peer.expect(t, frame.TypeClose)
		// Behind CLOSE nothing is said, whatever comes and whatever is called.
		peer.say(fr(frame.TypeCredit, 2, 1, u64(3, 100)...), fr(frame.TypeData, 1, 1, 1), fr(frame.TypeStop, 2, 1), fr(frame.TypeEOF, 1, 1, u64(1)...))
		assert.ErrorIs(t, s.Send(frame.TypeVerdict, []byte{0xa0}), frame.ErrClosed)
		assert.ErrorIs(t, s.CloseLane(2), frame.ErrClosed)
		_, err = s.Write(2, []byte("x"))
		assert.ErrorIs(t, err, frame.ErrClosed)
		s.Stop(1)
		s.Advance(1, 0)
		_, _, err = s.Recv(t.Context())
		assert.ErrorIs(t, err, frame.ErrClosed)
		assert.NoError(t, s.Context().Err(), "the peer has not ended it")
		assert.Equal(t, 1, ours.Streams())
		peer.say(fr(frame.TypeReset, 0, 1, 0, 7), fr(frame.TypePing, 0, 0, u64(1)...))
		peer.expect(t, frame.TypePong)
		<-s.Context().Done()
		assert.Zero(t, ours.Streams())
		peer.hangUp(ours)
	})
}

func TestAClosedStreamsQueuedLaneLeavesTheWriterAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		ours := run(New(Config{Role: Daemon, Accept: takeAll}), a)
		_, err := b.Write(append(openFrame(1, 1<<20), openFrame(3, 1<<20)...))
		require.NoError(t, err)
		one, err := ours.Accept(t.Context())
		require.NoError(t, err)
		two, err := ours.Accept(t.Context())
		require.NoError(t, err)
		synctest.Wait() // the writer hangs in its first Write: nobody reads yet
		_, err = one.Write(2, make([]byte, 1000))
		require.NoError(t, err)
		_, err = two.Write(2, []byte("other"))
		require.NoError(t, err)
		require.NoError(t, one.Close()) // its lane still waits for a turn
		peer := newRaw(b)
		peer.expect(t, frame.TypeAccept)
		peer.expect(t, frame.TypeAccept)
		assert.EqualValues(t, 1, peer.expect(t, frame.TypeClose).Stream)
		assert.Equal(t, "other", string(peer.expect(t, frame.TypeData).payload))
		peer.hangUp(ours)
	})
}

func TestEndsThatCrossEndTheStreamOnce(t *testing.T) {
	ends := map[string]func(*Stream){
		"Close": func(s *Stream) { _ = s.Close() },
		"Reset": func(s *Stream) { s.Reset(frame.CodeCanceled, "") },
	}
	for a, endA := range ends {
		for b, endB := range ends {
			t.Run(a+" and "+b, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, d := both(Config{}, Config{})
					for range 50 {
						cs, ds := openBoth(t, c, d, 65536)
						_, err := ds.Write(2, make([]byte, 3000))
						require.NoError(t, err)
						go endA(cs)
						endB(ds)
						<-cs.Context().Done()
						<-ds.Context().Done()
						_, _, err = cs.Recv(t.Context())
						assert.Error(t, err)
					}
					assert.Zero(t, c.Streams())
					assert.Zero(t, d.Streams())
					closeBoth(t, c, d)
				})
			})
		}
	}
}

func TestThePeersCloseIsAnsweredAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(openFrame(1, 0), fr(frame.TypeStart, 0, 1, 0xa0), fr(frame.TypeClose, 0, 1))
		peer.expect(t, frame.TypeAccept)
		peer.expect(t, frame.TypeClose)
		s, err := ours.Accept(t.Context())
		require.NoError(t, err)
		ty, _, err := s.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, frame.TypeStart, ty)
		_, _, err = s.Recv(t.Context())
		assert.ErrorIs(t, err, io.EOF)
		_, err = s.Write(2, []byte("x"))
		assert.ErrorIs(t, err, frame.ErrClosed)
		s.Reset(frame.CodeInternal, "nobody hears it")
		peer.say(fr(frame.TypePing, 0, 0, u64(1)...))
		peer.expect(t, frame.TypePong)
		peer.hangUp(ours)
	})
}

func TestIdsAreUsedAgainOnlyBehindBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{Streams: 2})
		kept, _ := openBoth(t, c, d, 0) // id 1 stays
		c.mu.Lock()
		c.nextID = 65535 - 2*50
		c.mu.Unlock()
		seen := map[uint16]bool{}
		for range 100 { // around the largest id
			cs, ds := openBoth(t, c, d, 0)
			require.NotEqual(t, kept.id, cs.id)
			require.Equal(t, cs.id, ds.id)
			require.False(t, seen[cs.id])
			seen[cs.id] = true
			require.NoError(t, cs.Close())
			<-ds.Context().Done()
			<-cs.Context().Done()
		}
		assert.True(t, seen[65535] && seen[3] && !seen[1])
		closeBoth(t, c, d)
	})
}

func TestEveryIdInUseIsAnErrorAndNotAnEnd(t *testing.T) {
	for _, role := range []Role{Client, Daemon} {
		c := New(Config{Role: role})
		want := 1 << 15
		if role == Daemon {
			want-- // 0 is the connection
		}
		s, err := c.Open(frame.KindTCP, [2]uint64{}, true)
		require.NoError(t, err)
		free := uint16(30000) + s.id
		for id := s.id; len(c.streams) < want-1; id += 2 {
			if id != 0 && id != free {
				c.streams[id] = s
			}
		}
		last, err := c.Open(frame.KindTCP, [2]uint64{}, true)
		require.NoError(t, err)
		assert.Equal(t, free, last.id)
		_, err = c.Open(frame.KindTCP, [2]uint64{}, true)
		var se *frame.StreamError
		require.ErrorAs(t, err, &se)
		assert.Equal(t, frame.CodeOverload, se.Code)
		c.Close()
		assert.Zero(t, c.Streams())
	}
}

func TestADaemonOpensStreamsToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		ds, err := d.Open(frame.KindTCP, [2]uint64{1000, 0}, true)
		require.NoError(t, err)
		assert.EqualValues(t, 2, ds.id)
		cs, err := c.Accept(t.Context())
		require.NoError(t, err)
		assert.Equal(t, frame.KindTCP, cs.Kind())
		require.NoError(t, ds.Send(frame.TypeStart, []byte{0xa0}))
		require.NoError(t, cs.Send(frame.TypeStarted, []byte{0xa0}))
		ty, _, err := cs.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, frame.TypeStart, ty)
		for s, lane := range map[*Stream]uint8{cs: 1, ds: 2} {
			go func() {
				_, _ = s.Write(lane, patterned(2, lane, 0, 5000))
				_ = s.CloseLane(lane)
			}()
		}
		for s, lane := range map[*Stream]uint8{cs: 2, ds: 1} {
			n, wrong, err := readAll(t.Context(), s, lane)
			assert.EqualValues(t, 5000, n)
			assert.False(t, wrong)
			assert.ErrorIs(t, err, io.EOF)
		}
		closeBoth(t, c, d)
	})
}
