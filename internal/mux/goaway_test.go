package mux

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func idle(c *side) bool {
	synctest.Wait()
	select {
	case <-c.Idle():
		return true
	default:
		return false
	}
}

func TestBehindGoAwayRunningStreamsFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, d := both(Config{}, Config{})
		cs, ds := openBoth(t, c, d, 65536)
		d.GoAway(frame.CodeShutdown, "bye")
		d.GoAway(frame.CodeInternal, "said once")
		assert.False(t, idle(c))
		assert.False(t, idle(d))
		assert.Equal(t, &frame.Ending{Code: frame.CodeShutdown, Text: "bye"}, c.GoneAway())
		assert.Nil(t, d.GoneAway())
		for _, open := range []func() (*Stream, error){
			func() (*Stream, error) { return c.Open(frame.KindExec, [2]uint64{}, true) },
			func() (*Stream, error) { return d.Open(frame.KindTCP, [2]uint64{}, true) },
		} {
			_, err := open()
			var se *frame.StreamError
			require.ErrorAs(t, err, &se)
			assert.Equal(t, frame.CodeGoingAway, se.Code)
		}
		_, err := ds.Write(2, []byte("still served"))
		require.NoError(t, err)
		p, err := cs.Next(t.Context(), 2)
		require.NoError(t, err)
		assert.Equal(t, "still served", string(p))
		require.NoError(t, cs.Close())
		assert.True(t, idle(c))
		assert.True(t, idle(d))
		d.Close()
		<-c.done
		var ce *frame.ConnError
		require.ErrorAs(t, c.err, &ce)
		assert.Equal(t, frame.CodeShutdown, ce.Code)
		assert.True(t, ce.Remote)
		<-d.done
		assert.NoError(t, d.err)
	})
}

func TestAnOpenThatCrossesGoAwayIsResetAndSafeToRetry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		synctest.Wait()
		ours.GoAway(frame.CodeShutdown, "")
		assert.True(t, idle(ours))
		peer.say(openFrame(1), fr(frame.TypeStart, 0, 1, 0xa0))
		peer.expect(t, frame.TypeGoAway)
		e, err := frame.ParseEnding(peer.expect(t, frame.TypeReset).payload)
		require.NoError(t, err)
		assert.Equal(t, frame.CodeGoingAway, e.Code)
		peer.say(fr(frame.TypeClose, 0, 1), fr(frame.TypePing, 0, 0, u64(1)...))
		peer.expect(t, frame.TypePong)
		assert.Zero(t, ours.Streams())
		peer.hangUp(ours)
	})
}
