package mux

import (
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// Over real sockets, because there a close with unread input sends RST and the kernel's buffers come between.
func TestBytesSurviveARoundTripOverTCP(t *testing.T) {
	x, y := tcp(t)
	c, d := bothOver(x, y, Config{}, Config{})
	const size = 20 << 20
	cs, ds := openBoth(t, c, d, 65536)
	var wg sync.WaitGroup
	wg.Go(func() { // echoes
		for {
			p, err := ds.Next(t.Context(), 1)
			if err != nil {
				break
			}
			_, _ = ds.Write(2, p)
			ds.Advance(1, len(p))
		}
		_ = ds.CloseLane(2)
	})
	wg.Go(func() {
		block := patterned(1, 2, 0, 100003)
		for n := 0; n < size; {
			k, err := cs.Write(1, block[:min(len(block), size-n)])
			if err != nil {
				return
			}
			n += k
		}
		_ = cs.CloseLane(1)
	})
	n := 0
	for {
		p, err := cs.Next(t.Context(), 2)
		if err != nil {
			assert.ErrorIs(t, err, io.EOF)
			break
		}
		for i := 0; i < len(p); i += 997 {
			require.Equal(t, pattern(1, 2, uint64((n+i)%100003)), p[i], "byte %d", n+i)
		}
		n += len(p)
		cs.Advance(2, len(p))
	}
	wg.Wait()
	assert.Equal(t, size, n)
	require.NoError(t, cs.Close())
	<-ds.Context().Done()
	closeBoth(t, c, d)
}

func TestALastWordArrivesOverTCPThoughInputIsUnread(t *testing.T) {
	for range 20 {
		x, y := tcp(t)
		d := run(New(Config{Role: Daemon, Accept: takeAll}), x)
		_, err := y.Write(fr(0x7f, 0, 0, make([]byte, 100000)...)) // most of it is never looked at
		require.NoError(t, err)
		said, err := io.ReadAll(y)
		require.NoError(t, err)
		require.NotEmpty(t, said)
		assert.Equal(t, frame.TypeGoAway, frame.ParseHeader(said).Type)
		require.NoError(t, y.Close())
		<-d.done
	}
}
