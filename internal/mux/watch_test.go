package mux

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// watcher keeps the frames it is shown, DATA without its bytes.
type watcher struct {
	mu         sync.Mutex
	sent, came []rawFrame
}

func (w *watcher) see(sent bool, h frame.Header, p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := rawFrame{Header: h}
	if h.Type != frame.TypeData {
		f.payload = append([]byte{}, p...)
	}
	if sent {
		w.sent = append(w.sent, f)
	} else {
		w.came = append(w.came, f)
	}
}

func TestAWatcherSeesEveryFrameOfBothDirectionsInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var client, daemon watcher
		c, d := both(Config{Watch: client.see}, Config{Watch: daemon.see})
		cs, ds := openBoth(t, c, d, 1<<18)
		require.NoError(t, cs.Send(frame.TypeStart, []byte("x")))
		go func() {
			for range 40 {
				_, _ = ds.Write(frame.LaneOut, make([]byte, 10_000))
			}
			_ = ds.CloseLane(frame.LaneOut)
		}()
		_, err := cs.Write(frame.LaneIn, []byte("hello"))
		require.NoError(t, err)
		require.NoError(t, cs.CloseLane(frame.LaneIn))
		n := 0
		for {
			p, err := cs.Next(t.Context(), frame.LaneOut)
			if err != nil {
				break
			}
			n += len(p)
			cs.Advance(frame.LaneOut, len(p))
		}
		assert.Equal(t, 400_000, n)
		_, err = c.Ping(t.Context())
		require.NoError(t, err)
		closeBoth(t, c, d)

		assert.Equal(t, client.sent, daemon.came)
		assert.Equal(t, daemon.sent, client.came[:len(daemon.sent)])
		types := map[frame.Type]int{}
		for _, f := range append(client.sent, client.came...) {
			types[f.Type]++
		}
		for _, want := range []frame.Type{frame.TypeOpen, frame.TypeAccept, frame.TypeStart, frame.TypeData, frame.TypeCredit, frame.TypeEOF, frame.TypePing, frame.TypePong} {
			assert.Positive(t, types[want], want)
		}
	})
}

func TestWhatIsTakenBeforeRunIsShownToo(t *testing.T) {
	var w watcher
	c := New(Config{Role: Client, Watch: w.see})
	_, err := c.Open(frame.KindExec, [2]uint64{1, 1}, false)
	require.NoError(t, err)
	require.NotEmpty(t, c.TakeQueued(1<<10))
	require.Len(t, w.sent, 1)
	assert.Equal(t, frame.TypeOpen, w.sent[0].Type)
	c.Close()
}
