package session

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"rexec/frame"
)

// inletChunk bounds one Write to the command, so that a slow reader grants credit as it reads.
const inletChunk = 64 << 10

// inlet carries lane 1 to the command's stdin.
type inlet struct {
	st        Stream
	dst       io.WriteCloser
	closeOnce sync.Once
	n         atomic.Uint64 // bytes that the command's stdin took
}

// pump runs until the lane or the command's stdin is over. A lane that ends without EOF leaves stdin open: the
// command must not take half an input for a whole one before it is ended.
func (i *inlet) pump(ctx context.Context) {
	for {
		p, err := i.st.Next(ctx, frame.LaneIn)
		if err == io.EOF {
			i.close()
		}
		if err != nil {
			return
		}
		n, err := i.dst.Write(p[:min(len(p), inletChunk)])
		i.n.Add(uint64(n))
		i.st.Advance(frame.LaneIn, n)
		if err != nil { // EPIPE: the command closed its stdin or is gone
			i.st.Stop(frame.LaneIn)
			i.close()
			return
		}
	}
}

// close may be called from any goroutine, any number of times.
func (i *inlet) close() { i.closeOnce.Do(func() { _ = i.dst.Close() }) }
