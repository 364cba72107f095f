package mux

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// outstanding is how many bytes the peer may have on their way to s's lane 2 at this moment.
func outstanding(c *side, s *Stream) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.recv[2].limit - s.recv[2].buf.start
}

// openBeside opens a stream, cs at the client and ds at the daemon, behind another that may be a terminal, over a path that
// takes rtt there and back while both sides think that it takes seen. rate is the daemon's, in bytes a second; 0: no limit.
func openBeside(t *testing.T, seen, rtt time.Duration, rate int, terminal bool) (c, d *side, cs, ds *Stream) {
	t.Helper()
	a, b := duplexes()
	c, d = bothOver(newPath(a, rtt/2, 0), newPath(b, rtt/2, rate), Config{RTT: seen}, Config{RTT: seen})
	_, err := c.Open(frame.KindExec, [2]uint64{64 << 10, 0}, terminal)
	require.NoError(t, err)
	cs, err = c.Open(frame.KindExec, [2]uint64{256 << 10, 0}, false)
	require.NoError(t, err)
	_, err = d.Accept(t.Context())
	require.NoError(t, err)
	ds, err = d.Accept(t.Context())
	require.NoError(t, err)
	return c, d, cs, ds
}

// beside carries size bytes on lane 2 over a path of 100 ms there and back, with a terminal open on the same connection, and
// gives how long that took, the most that was on its way after the first two seconds, and the longest round trip of a PING
// meanwhile.
func beside(t *testing.T, size, rate int, terminal bool) (took time.Duration, most uint64, slowest time.Duration) {
	const rtt = 100 * time.Millisecond
	c, d, cs, ds := openBeside(t, rtt, rtt, rate, terminal)
	began := time.Now()
	go pour(ds, 2, size)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for {
			rtt, err := c.Ping(t.Context())
			if err != nil {
				return
			}
			if time.Since(began) > 2*time.Second {
				slowest = max(slowest, rtt)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	for {
		p, err := cs.Next(t.Context(), 2)
		if err != nil {
			break
		}
		cs.Advance(2, len(p))
		if time.Since(began) > 2*time.Second {
			most = max(most, outstanding(c, cs))
		}
	}
	took = time.Since(began)
	closeBoth(t, c, d)
	<-asked
	return took, most, slowest
}

func TestBesideATerminalWindowsGrowWithThePath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		took, most, _ := beside(t, 256<<20, 0, true)
		assert.EqualValues(t, frame.MaxCredit, most)
		assert.Less(t, took, 6*time.Second) // 128 KiB a round trip would be 205 s
	})
}

func TestBesideATerminalWindowsStayWithWhatThePathHolds(t *testing.T) {
	const rate = 4 << 20 // bytes a second: 400 KiB are on their way in a round trip
	bubble(t, func(t *testing.T) {
		took, most, slowest := beside(t, 32<<20, rate, true)
		assert.LessOrEqual(t, most, uint64(1<<20))
		assert.Less(t, took, 10*time.Second, "8 s are what the path needs")
		assert.Less(t, slowest, 150*time.Millisecond)
		_, alone, _ := beside(t, 32<<20, rate, false)
		assert.Greater(t, alone, most, "nobody waits for an echo")
	})
}

func TestAWindowIsWholeAgainWhenTheTerminalEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{RTT: time.Millisecond}, Config{})
		term, err := c.Open(frame.KindExec, [2]uint64{64 << 10, 0}, true)
		require.NoError(t, err)
		_, err = d.Accept(t.Context())
		require.NoError(t, err)
		cs, ds := openBoth(t, c, d, 1<<20)
		take := func(n int) {
			go func() { _, _ = ds.Write(2, make([]byte, n)) }()
			for n > 0 {
				p, err := cs.Next(t.Context(), 2)
				require.NoError(t, err)
				n -= len(p)
				cs.Advance(2, len(p))
			}
		}
		time.Sleep(time.Hour)
		take(4 << 20)
		assert.LessOrEqual(t, outstanding(c, cs), uint64(pacedWindow))
		_ = term.Close()
		synctest.Wait()
		take(4 << 20)
		assert.GreaterOrEqual(t, outstanding(c, cs), uint64(512<<10))
		closeBoth(t, c, d)
	})
}

// TestADaemonIsToldOfTheTerminal: what is uploaded beside it gives way too.
func TestADaemonIsToldOfTheTerminal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{Window: 1 << 20})
		cs, ds := openBoth(t, c, d, 0)
		_, term := openBoth(t, c, d, 0)
		term.SetTerminal()
		term.SetTerminal()
		go func() { _, _ = cs.Write(1, make([]byte, 4<<20)) }()
		for n := 4 << 20; n > 0; {
			p, err := ds.Next(t.Context(), 1)
			require.NoError(t, err)
			n -= len(p)
			ds.Advance(1, len(p))
		}
		d.mu.Lock()
		assert.LessOrEqual(t, ds.recv[1].limit-ds.recv[1].buf.start, uint64(pacedWindow))
		assert.Equal(t, 1, d.terminals)
		d.mu.Unlock()
		_ = term.Close()
		term.SetTerminal()
		d.mu.Lock()
		assert.Zero(t, d.terminals)
		d.mu.Unlock()
		closeBoth(t, c, d)
	})
}

func TestAnEchoGoesAheadOfDataAndAFloodTakesTurns(t *testing.T) {
	for _, size := range []int{1, echoSize, 256 << 10} {
		bubble(t, func(t *testing.T) {
			a, b := duplexes()
			ours := run(New(Config{Role: Daemon, Accept: takeAll}), a)
			var streams []*Stream
			for _, id := range []uint16{1, 3, 5, 7} {
				_, err := b.Write(openFrame(id, frame.MaxCredit, frame.MaxCredit))
				require.NoError(t, err)
				s, err := ours.Accept(t.Context())
				require.NoError(t, err)
				streams = append(streams, s)
			}
			term := streams[3]
			term.SetTerminal()
			synctest.Wait() // the writer hangs in its first Write until somebody reads
			for _, s := range streams[:3] {
				_, err := s.Write(2, make([]byte, 256<<10))
				require.NoError(t, err)
			}
			_, err := term.Write(2, make([]byte, size))
			require.NoError(t, err)
			peer := newRaw(b)
			for range streams {
				peer.expect(t, frame.TypeAccept)
			}
			assert.Equal(t, term.id, peer.expect(t, frame.TypeData).Stream, "%d bytes", size)
			for _, s := range streams[:3] {
				assert.Equal(t, s.id, peer.expect(t, frame.TypeData).Stream, "%d bytes", size)
			}
			peer.hangUp(ours)
		})
	}
}

func TestPaceIsTwiceWhatThePathHoldsInItsLeastRoundTrip(t *testing.T) {
	const ms = time.Millisecond
	p := pace{window: pacedWindow}
	p.measure(pacedWindow, 10*ms, ms)
	assert.EqualValues(t, pacedWindow, p.window, "one window is too little to tell")
	p.measure(100<<20, 100*ms, 100*ms)
	assert.EqualValues(t, pacedWindow, p.window, "so is one round trip")
	p.measure(10<<20, 200*ms, 100*ms)
	assert.EqualValues(t, 10<<20, p.window)
	p.measure(20<<20, 300*ms, 100*ms)
	assert.EqualValues(t, 10<<20, p.window)
	p.measure(31<<20, 600*ms, 100*ms)
	assert.InDelta(t, 10.5*(1<<20), float64(p.window), 1000)
	p.measure(200<<20, 700*ms+100*ms, 100*ms)
	assert.EqualValues(t, frame.MaxCredit, p.window)
	p.measure(300<<20, 800*ms+10*time.Second, ms)
	assert.EqualValues(t, pacedWindow, p.window)
	p.measure(600<<20, 900*ms+10*time.Second, 0)
	assert.EqualValues(t, pacedWindow, p.window, "a path that is not known")
}
