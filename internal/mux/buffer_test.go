package mux

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestABufferIsASlidingViewOfWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b buffer
		var model []byte // the bytes [b.start, b.end)
		var next byte
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				p := b.tail()
				if len(p) == 0 {
					t.Fatal("no room in tail")
				}
				n := min(len(p), rapid.SampledFrom([]int{0, 1, 100, smallChunk, bigChunk}).Draw(t, "n"))
				for i := range n {
					p[i] = next
					next += 3
					model = append(model, p[i])
				}
				b.commit(n)
			},
			"release": func(t *rapid.T) {
				n := rapid.IntRange(0, len(model)).Draw(t, "n")
				b.release(b.start + uint64(n))
				model = model[n:]
			},
			"release amid a write": func(t *rapid.T) {
				p := b.tail()
				b.release(b.end)
				p[0], model = next, []byte{next}
				next += 3
				b.commit(1)
			},
			"": func(t *rapid.T) {
				if b.held() != uint64(len(model)) {
					t.Fatalf("holds %d, want %d", b.held(), len(model))
				}
				if len(model) == 0 && len(b.chunks) != 0 {
					t.Fatalf("an empty buffer keeps %d chunks", len(b.chunks))
				}
				var got []byte
				for off := b.start; off < b.end; {
					p := b.at(off)
					got = append(got, p...)
					off += uint64(len(p))
				}
				if string(got) != string(model) {
					t.Fatal("other bytes")
				}
			},
		})
	})
}

func TestAPurgedBufferIsNotReused(t *testing.T) {
	var b buffer
	copy(b.tail(), "old")
	b.commit(3)
	seen := b.at(0) // a reader still looks at it
	filling := b.tail()
	b.purge()
	copy(filling, "late") // and the filler still writes
	b.commit(4)
	assert.Zero(t, b.held())
	for range 100 {
		var other buffer
		copy(other.tail(), "XXXXXXXX")
		other.commit(8)
		require.NotSame(t, &seen[0], &other.at(0)[0])
	}
	assert.Equal(t, "old", string(seen))
}

func TestChunksFollowTheFlow(t *testing.T) {
	var b buffer
	b.tail()
	b.commit(1)
	assert.Len(t, b.chunks[0].buf, smallChunk, "a few bytes take little")
	b.commit(len(b.tail()))
	assert.Len(t, b.tail(), bigChunk, "a full read is followed by room for a pipe's worth")
	b.commit(10)
	b.release(b.end)
	assert.Empty(t, b.chunks)
	assert.Len(t, b.tail(), smallChunk, "and a short one by little again")
	b.commit(0)
}
