package mux

import (
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestALateReplyArrivesBehindAHalfClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		require.NoError(t, cs.CloseLane(1))
		_, err := ds.Next(t.Context(), 1)
		require.ErrorIs(t, err, io.EOF)
		// No timer may run on a half-closed stream: ten hours are nothing (PINGs keep the connection).
		time.Sleep(10 * time.Hour)
		_, err = ds.Write(2, patterned(1, 2, 0, 100))
		require.NoError(t, err)
		require.NoError(t, ds.CloseLane(2))
		n, wrong, err := readAll(t.Context(), cs, 2)
		assert.EqualValues(t, 100, n)
		assert.False(t, wrong)
		assert.ErrorIs(t, err, io.EOF)
		closeBoth(t, c, d)
	})
}

func TestBothEOFsWithUnreadDataLoseNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		for s, lane := range map[*Stream]uint8{cs: 1, ds: 2} {
			_, err := s.Write(lane, patterned(1, lane, 0, 60000))
			require.NoError(t, err)
			require.NoError(t, s.CloseLane(lane))
			require.NoError(t, s.Flushed(t.Context(), lane))
		}
		time.Sleep(time.Hour)
		for s, lane := range map[*Stream]uint8{cs: 2, ds: 1} {
			<-s.EOFSeen(lane)
			n, wrong, err := readAll(t.Context(), s, lane)
			assert.EqualValues(t, 60000, n)
			assert.False(t, wrong)
			assert.ErrorIs(t, err, io.EOF)
		}
		closeBoth(t, c, d)
	})
}

func TestWhatCameBeforeThePeersCloseIsStillRead(t *testing.T) {
	for name, end := range map[string]func(*Stream){
		"CLOSE": func(s *Stream) { _ = s.Close() },
		"RESET": func(s *Stream) { s.Reset(frame.CodeCanceled, "enough") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, d := both(Config{}, Config{})
				cs, ds := openBoth(t, c, d, 65536)
				_, err := ds.Write(2, patterned(1, 2, 0, 5000))
				require.NoError(t, err)
				require.NoError(t, ds.Send(frame.TypeStarted, []byte{0xa0}))
				require.NoError(t, ds.CloseLane(2))
				require.NoError(t, ds.Flushed(t.Context(), 2))
				end(ds)
				<-cs.Context().Done()
				n, wrong, err := readAll(t.Context(), cs, 2)
				assert.EqualValues(t, 5000, n)
				assert.False(t, wrong)
				assert.ErrorIs(t, err, io.EOF)
				ty, _, err := cs.Recv(t.Context())
				require.NoError(t, err)
				assert.Equal(t, frame.TypeStarted, ty)
				_, _, err = cs.Recv(t.Context())
				_, err3 := cs.Next(t.Context(), 3) // had no EOF
				if name == "CLOSE" {
					assert.ErrorIs(t, err, io.EOF)
					assert.ErrorIs(t, err3, frame.ErrClosed)
				} else {
					for _, err := range []error{err, err3} {
						var se *frame.StreamError
						require.ErrorAs(t, err, &se)
						assert.Equal(t, frame.StreamError{Code: frame.CodeCanceled, Text: "enough", Remote: true}, *se)
					}
				}
				closeBoth(t, c, d)
			})
		})
	}
}

func TestOurOwnCloseBeforeAllIsReadIsNoCleanEOF(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		_, err := ds.Write(2, make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, ds.CloseLane(2))
		<-cs.EOFSeen(2)
		require.NoError(t, cs.Close())
		_, err = cs.Next(t.Context(), 2)
		assert.ErrorIs(t, err, frame.ErrClosed)
		<-ds.Context().Done()
		closeBoth(t, c, d)
	})
}

func TestAWriterWhoseReaderStoppedHearsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		began := time.Now()
		wrote := make(chan error)
		go func() {
			_, err := ds.Write(2, make([]byte, 1<<20)) // waits for credit that never comes
			wrote <- err
		}()
		synctest.Wait()
		cs.Stop(2)
		assert.ErrorIs(t, <-wrote, frame.ErrStopped)
		<-ds.Stopped(2)
		<-cs.EOFSeen(2)
		assert.Equal(t, ds.Sent(2), cs.Received(2), "EOF counts what was sent, dropped by the reader or not")
		assert.NotZero(t, ds.Sent(2))
		_, err := cs.Next(t.Context(), 2)
		assert.ErrorIs(t, err, frame.ErrStopped)
		require.NoError(t, ds.Flushed(t.Context(), 2))
		// The other lanes of the stream go on.
		_, err = ds.Write(3, []byte("still here"))
		require.NoError(t, err)
		p, err := cs.Next(t.Context(), 3)
		require.NoError(t, err)
		assert.Equal(t, "still here", string(p))
		assert.Zero(t, time.Since(began))
		closeBoth(t, c, d)
	})
}

func TestAWriterHearsOfCloseLaneAndOfTheStreamsEnd(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(ours, theirs *Stream)
		want error
	}{
		"CloseLane":   {func(s, _ *Stream) { _ = s.CloseLane(2) }, frame.ErrClosed},
		"Close":       {func(s, _ *Stream) { _ = s.Close() }, frame.ErrClosed},
		"their Close": {func(_, s *Stream) { _ = s.Close() }, frame.ErrClosed},
		"STOP":        {func(_, s *Stream) { s.Stop(2) }, frame.ErrStopped},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, d := both(Config{}, Config{})
				cs, ds := openBoth(t, c, d, 65536)
				inRead := make(chan struct{})
				type result struct {
					n   int
					err error
				}
				waiting, reading := make(chan result), make(chan result)
				go func() { // lane 3 waits for credit
					n, err := ds.Write(3, make([]byte, 1<<20))
					waiting <- result{n, err}
				}()
				go func() { // lane 2 is within its source's Read when the end comes
					n, err := ds.Fill(2, readerFunc(func(p []byte) (int, error) { <-inRead; return len(p), nil }))
					reading <- result{n, err}
				}()
				synctest.Wait()
				row.end(ds, cs)
				synctest.Wait()
				close(inRead)
				r := <-reading
				assert.Zero(t, r.n, "what the lane dropped is not reported as written")
				assert.ErrorIs(t, r.err, row.want)
				_, err := ds.Fill(2, readerFunc(func(p []byte) (int, error) { panic("read on an ended lane") }))
				assert.ErrorIs(t, err, row.want)
				_ = ds.Close()
				<-waiting
				closeBoth(t, c, d)
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFillGivesItsReadersErrorAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		n, err := ds.Fill(2, readerFunc(func(p []byte) (int, error) { return copy(p, "tail"), io.EOF }))
		assert.Equal(t, 4, n)
		assert.Equal(t, io.EOF, err)
		p, err := cs.Next(t.Context(), 2)
		require.NoError(t, err)
		assert.Equal(t, "tail", string(p))
		closeBoth(t, c, d)
	})
}

func TestFlushedEndsWithTheStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(openFrame(1, 4))
		s, err := ours.Accept(t.Context())
		require.NoError(t, err)
		_, err = s.Write(2, []byte("four"))
		require.NoError(t, err)
		flushed := make(chan error)
		go func() { flushed <- s.Flushed(t.Context(), 2) }()
		synctest.Wait()
		require.NoError(t, s.Close()) // the peer never answers
		assert.ErrorIs(t, <-flushed, frame.ErrClosed)
		peer.hangUp(ours)
	})
}

func TestAThousandIdleStreamsAreCheap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{Streams: 1000})
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		var streams []*Stream
		for range 1000 {
			cs, ds := openBoth(t, c, d, 1<<20)
			_, err := cs.Write(1, []byte("x"))
			require.NoError(t, err)
			require.NoError(t, cs.CloseLane(1))
			_, _, err = readAll(t.Context(), ds, 1)
			require.ErrorIs(t, err, io.EOF)
			streams = append(streams, cs, ds)
		}
		synctest.Wait()
		perStream := (int64(heap()) - int64(before)) / 1000
		t.Logf("%d bytes a stream, both ends", perStream)
		assert.Less(t, perStream, int64(12<<10)) // one small chunk that waits for its CREDIT, and the two ends
		assert.LessOrEqual(t, c.memory.Used(), int64(connectionBudget))
		assert.Len(t, streams, 2000)
		closeBoth(t, c, d)
	})
}
