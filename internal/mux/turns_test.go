package mux

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestLanesInFlowTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		ours := run(New(Config{Role: Daemon, Accept: takeAll}), a)
		for _, id := range []uint16{1, 3} {
			_, err := b.Write(openFrame(id, frame.MaxCredit, frame.MaxCredit))
			require.NoError(t, err)
		}
		bulk, err := ours.Accept(t.Context())
		require.NoError(t, err)
		small, err := ours.Accept(t.Context())
		require.NoError(t, err)
		synctest.Wait() // the writer hangs in its first Write until somebody reads
		for _, lane := range []uint8{2, 3} {
			_, err := bulk.Write(lane, make([]byte, 4<<20))
			require.NoError(t, err)
		}
		_, err = small.Write(2, []byte("a few"))
		require.NoError(t, err)
		peer := newRaw(b)
		peer.expect(t, frame.TypeAccept)
		peer.expect(t, frame.TypeAccept)
		var sent [4]int
		var when int // which DATA frame the small one was
		for n := 1; sent[2]+sent[3] < 8<<20; n++ {
			f := peer.expect(t, frame.TypeData)
			if f.Stream == small.id {
				when = n
				continue
			}
			sent[f.Lane] += len(f.payload)
			assert.LessOrEqual(t, max(sent[2]-sent[3], sent[3]-sent[2]), frame.MaxMaxFrame)
		}
		assert.LessOrEqual(t, when, 3, "one turn of each bulk lane comes first, at most")
		assert.NotZero(t, when)
		peer.hangUp(ours)
	})
}

func TestAMessageNeverWaitsBehindData(t *testing.T) {
	const rate = 100 << 10 // bytes a second
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		c, d := bothOver(newPath(a, 0, 0), newPath(b, 10*time.Millisecond, rate), Config{}, Config{})
		cs, ds := openBoth(t, c, d, frame.MaxCredit)
		require.NoError(t, cs.Send(frame.TypeStart, []byte{0xa0}))
		go pour(ds, 2, 100<<20)
		go func() { _, _, _ = readAll(t.Context(), cs, 2) }()
		time.Sleep(20 * time.Second) // in full flow
		// One batch is under way and one frame may have been added to the next: at most 32 KiB and headers.
		bound := time.Duration(33<<10)*time.Second/rate + 20*time.Millisecond
		for range 5 {
			rtt, err := c.Ping(t.Context())
			require.NoError(t, err)
			assert.Less(t, rtt, bound)
			time.Sleep(777 * time.Millisecond)
		}
		sent := time.Now()
		require.NoError(t, ds.Send(frame.TypeVerdict, []byte{0xa0}))
		_, _, err := cs.Recv(t.Context())
		require.NoError(t, err)
		assert.Less(t, time.Since(sent), bound)
		_ = cs.Close()
		<-ds.Context().Done()
		closeBoth(t, c, d)
	})
}

func TestAStalledReaderOfOneLaneStallsNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		go func() { _, _ = ds.Write(2, make([]byte, 10<<20)) }()
		synctest.Wait() // lane 2 is full to its brim
		go func() {
			_, _ = ds.Write(3, patterned(1, 3, 0, 1<<20))
			_ = ds.CloseLane(3)
		}()
		n, wrong, _ := readAll(t.Context(), cs, 3)
		assert.EqualValues(t, 1<<20, n)
		assert.False(t, wrong)
		assert.EqualValues(t, 65536, cs.Received(2))
		closeBoth(t, c, d)
	})
}
