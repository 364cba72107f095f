package mux

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// download carries size bytes on lane 2 over a path of 100 ms there and back, and gives how long that took, the largest
// window and the connections, with the stream still open.
func download(t *testing.T, size int, client, daemon Config, fixed bool) (took time.Duration, window uint64, c, d *side, cs *Stream) {
	a, b := duplexes()
	client.RTT, daemon.RTT = 100*time.Millisecond, 100*time.Millisecond
	c, d = bothOver(newPath(a, 50*time.Millisecond, 0), newPath(b, 50*time.Millisecond, 0), client, daemon)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	t.Cleanup(func() { c.Abort(nil); d.Abort(nil) }) // if it stalls
	cs, err := c.Open(frame.KindExec, [2]uint64{256 << 10, 0}, fixed)
	require.NoError(t, err)
	ds, err := d.Accept(t.Context())
	require.NoError(t, err)
	began := time.Now()
	go pour(ds, 2, size)
	n := 0
	for {
		p, err := cs.Next(ctx, 2)
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		n += len(p)
		cs.Advance(2, len(p))
		c.mu.Lock()
		window = max(window, cs.recv[2].window)
		c.mu.Unlock()
	}
	require.Equal(t, size, n)
	return time.Since(began), window, c, d, cs
}

func TestWindowsGrowWithThePath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		took, window, c, d, cs := download(t, 64<<20, Config{}, Config{}, false)
		assert.EqualValues(t, frame.MaxCredit, window)
		assert.Less(t, took, 3*time.Second) // 256 KiB a round trip would be 25 s
		assert.Zero(t, c.memory.Used(), "a lane read to its EOF gives its share back")
		assert.NotZero(t, d.memory.Used(), "the ring followed the window")
		require.NoError(t, cs.Close())
		<-cs.Context().Done()
		synctest.Wait()
		assert.Zero(t, d.memory.Used())
		closeBoth(t, c, d)
	})
}

func TestFixedWindowsStay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		took, window, c, d, _ := download(t, 4<<20, Config{}, Config{}, true)
		assert.EqualValues(t, 256<<10, window)
		assert.Greater(t, took, 700*time.Millisecond) // one round trip for each half window at best
		assert.Zero(t, c.memory.Used()+d.memory.Used())
		closeBoth(t, c, d)
	})
}

func TestWindowsStayWithinASharedBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		shared := NewBudget(1 << 20)
		_, window, c, d, cs := download(t, 8<<20, Config{Memory: shared}, Config{}, false)
		assert.EqualValues(t, 1<<20, window, "256 KiB of its own, then doubled as far as the budget goes")
		require.NoError(t, cs.Close())
		closeBoth(t, c, d)
		assert.Zero(t, shared.Used())
	})
}

func TestASlowReaderKeepsASmallWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{RTT: 10 * time.Millisecond}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		go func() { _, _ = ds.Write(2, make([]byte, 1<<20)) }()
		for n := 0; n < 1<<20; {
			time.Sleep(time.Second)
			p, err := cs.Next(t.Context(), 2)
			require.NoError(t, err)
			n += len(p)
			cs.Advance(2, len(p))
		}
		assert.EqualValues(t, 65536, cs.recv[2].window)
		closeBoth(t, c, d)
	})
}

func TestAGenerousPeerCannotMakeUsBufferBeyondTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const streams, budget, ring = 10, 3 << 20, 256 << 10
		shared := NewBudget(budget)
		a, b := duplexes()
		ours := run(New(Config{Role: Daemon, Accept: takeAll, Memory: shared}), a)
		var all []*Stream
		for k := range uint16(streams) {
			_, err := b.Write(append(openFrame(2*k+1, frame.MaxCredit, frame.MaxCredit), fr(frame.TypeCredit, 2, 2*k+1, u64(0, frame.MaxCredit)...)...))
			require.NoError(t, err)
			s, err := ours.Accept(t.Context())
			require.NoError(t, err)
			all = append(all, s)
			for _, lane := range []uint8{2, 3} {
				go func() { _, _ = s.Write(lane, make([]byte, 20<<20)) }()
			}
		}
		synctest.Wait() // all writers wait for a peer that takes nothing
		held := uint64(0)
		ours.mu.Lock()
		for _, s := range all {
			held += s.send[2].buf.held() + s.send[3].buf.held()
		}
		ours.mu.Unlock()
		assert.LessOrEqual(t, held, uint64(2*streams*ring+budget))
		assert.Greater(t, held, uint64(2*streams*ring), "what the budget has is used")
		assert.LessOrEqual(t, shared.Used(), int64(budget))
		ours.Abort(nil)
		<-ours.done
		assert.Zero(t, shared.Used())
		_ = b.Close()
	})
}

// TestARingThatCannotFollowTheWindowStopsNothing: the receiver's memory goes further than the sender's.
func TestARingThatCannotFollowTheWindowStopsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const size = 8 << 20
		took, window, c, d, cs := download(t, size, Config{}, Config{Memory: NewBudget(0)}, false)
		assert.GreaterOrEqual(t, window, uint64(1<<20))
		assert.Less(t, took, 5*time.Second)
		require.NoError(t, cs.Close())
		closeBoth(t, c, d)
	})
}

// TestAPeerIsToldOfHalfAWindowAlsoWhenTheNextIsSmaller: one that holds no more than half of what it was granted has to
// forget before it can go on.
func TestAPeerIsToldOfHalfAWindowAlsoWhenTheNextIsSmaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 4<<20)
		term, err := c.Open(frame.KindExec, [2]uint64{64 << 10, 0}, true)
		require.NoError(t, err)
		_, err = ds.Write(2, make([]byte, 2<<20))
		require.NoError(t, err)
		for n := 2 << 20; n > 0; {
			p, err := cs.Next(t.Context(), 2)
			require.NoError(t, err)
			n -= len(p)
			cs.Advance(2, len(p))
		}
		synctest.Wait()
		d.mu.Lock()
		assert.EqualValues(t, 2<<20, ds.send[2].consumed)
		assert.EqualValues(t, 4<<20, ds.send[2].limit, "it never goes back")
		d.mu.Unlock()
		_ = term.Close()
		closeBoth(t, c, d)
	})
}

func TestReadingTheRestBehindTheEndTakesNoBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		shared := NewBudget(64 << 20)
		c, d := both(Config{RTT: time.Hour, Memory: shared}, Config{})
		cs, ds := openBoth(t, c, d, 1<<20)
		_, err := ds.Write(2, make([]byte, 200000))
		require.NoError(t, err)
		synctest.Wait()
		ds.Reset(frame.CodeInternal, "")
		<-cs.Context().Done()
		n, _, _ := readAll(t.Context(), cs, 2)
		assert.EqualValues(t, 200000, n)
		assert.Zero(t, shared.Used())
		closeBoth(t, c, d)
	})
}

func TestABudgetIsTakenWholeOrNotAtAll(t *testing.T) {
	parent := NewBudget(100)
	b := &Budget{most: 80, parent: parent}
	assert.True(t, b.take(80))
	assert.False(t, b.take(1))
	assert.EqualValues(t, 80, parent.Used())
	other := &Budget{most: 80, parent: parent}
	assert.False(t, other.take(21))
	assert.Zero(t, other.Used())
	assert.True(t, other.take(20))
	b.give(80)
	other.give(20)
	assert.Zero(t, parent.Used())
}
