//go:build !race

package mux

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// The race detector makes sync.Pool forget on purpose, so this cannot hold under it.
func TestTheDataPathAllocatesNothingPerFrame(t *testing.T) {
	for name, size := range map[string]int{"bulk": 64 << 10, "small": 100} {
		t.Run(name, func(t *testing.T) {
			c, d := both(Config{}, Config{})
			cs, ds := openBoth(t, c, d, 1<<20)
			const frames = 4000
			p := make([]byte, size)
			done := make(chan struct{})
			send := func() {
				for n := 0; n < frames*size; {
					q, err := cs.Next(t.Context(), 2)
					if err != nil {
						return
					}
					n += len(q)
					cs.Advance(2, len(q))
				}
				done <- struct{}{}
			}
			round := func() {
				go send()
				for range frames {
					if _, err := ds.Write(2, p); err != nil {
						break
					}
				}
				<-done
			}
			round()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			round()
			runtime.ReadMemStats(&after)
			perFrame := float64(after.Mallocs-before.Mallocs) / frames
			t.Logf("%.4f allocations, %.0f bytes a frame", perFrame, float64(after.TotalAlloc-before.TotalAlloc)/frames)
			assert.Less(t, perFrame, 0.05) // what the collector took from the pools comes back now and then
			require.NoError(t, ds.Send(frame.TypeVerdict, []byte{0xa0}))
			closeBoth(t, c, d)
		})
	}
}
