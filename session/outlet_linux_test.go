package session

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rexec/frame"
)

// kernelPipe is an Output that the kernel has a say in.
type kernelPipe struct{ *os.File }

func (k kernelPipe) Pending() (n int, err error) {
	c, err := k.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := c.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if cerr != nil {
		return 0, cerr
	}
	return n, err
}

// TestSem19_TheCutHoldsOnAPipeOfTheKernels does on a real pipe what the tests in virtual time do on a model of one.
func TestSem19_TheCutHoldsOnAPipeOfTheKernels(t *testing.T) {
	for _, c := range []struct {
		name           string
		held, stalled  bool
		before         int
		whole, holding bool
	}{
		{name: "everybody left", before: 50_000, whole: true},
		{name: "a holder, nothing left", held: true, before: 50_000, whole: true, holding: true},
		{name: "a holder, stalled reader", held: true, stalled: true, before: 100_000, whole: true, holding: true},
		{name: "stalled reader", stalled: true, before: 100_000, whole: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer w.Close()
			wire := newWire(40_000)
			read, flushed := make(chan struct{}), make(chan struct{})
			o := newOutlet(wire.daemon, frame.LaneOut, kernelPipe{r}, probeTime)
			go o.pump(t.Context(), func() { close(read) }, func() { close(flushed) })
			var got bytes.Buffer
			drained := make(chan struct{})
			drain := func() {
				defer close(drained)
				for {
					p, err := wire.client.Next(t.Context(), frame.LaneOut)
					if err != nil {
						return
					}
					got.Write(p)
					wire.client.Advance(frame.LaneOut, len(p))
				}
			}
			if !c.stalled {
				go drain()
			}
			_, err = w.WriteString(strings.Repeat("b", c.before)) // what does not fit the pipe went on
			require.NoError(t, err)
			if !c.held {
				w.Close()
			}
			require.NoError(t, o.cutNow())
			if c.held {
				_, err = w.WriteString("late") // there is room: the pump takes nothing of it
				if !c.stalled && err != nil {
					require.ErrorIs(t, err, unix.EPIPE)
				}
			}
			if c.stalled {
				go drain()
			}
			<-flushed
			<-drained
			<-read
			assert.Equal(t, strings.Repeat("b", c.before), got.String())
			assert.Equal(t, c.holding, o.held.Load())
		})
	}
}

func TestAClosedOutputEndsItsPump(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	o := newOutlet(newWire(window).daemon, frame.LaneOut, kernelPipe{r}, probeTime)
	flushed := make(chan struct{})
	go o.pump(t.Context(), func() {}, func() { close(flushed) })
	o.stop()
	<-flushed
	_, err = w.WriteString("x")
	require.ErrorIs(t, err, unix.EPIPE, "the command gets SIGPIPE")
}

// TestAnOutputWithoutDeadlinesIsClosedAtTheCut: a source that cannot be cut must not hold the command.
func TestAnOutputWithoutDeadlinesIsClosedAtTheCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newPipe()
		o := newOutlet(newWire(window).daemon, frame.LaneOut, noDeadline{src}, probeTime)
		flushed := make(chan struct{})
		go o.pump(t.Context(), func() {}, func() { close(flushed) })
		synctest.Wait()
		require.ErrorIs(t, o.cutNow(), os.ErrNoDeadline)
		<-flushed
		assert.True(t, o.held.Load())
	})
}

type noDeadline struct{ *pipe }

func (noDeadline) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }
