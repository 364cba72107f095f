package mux

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestWithATerminalAClientAsksAfterFiveSecondsAndGivesUpNoEarlier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		time.Sleep(7 * time.Second) // the keepalive sleeps until 15 s
		s, err := ours.Open(frame.KindExec, [2]uint64{}, true)
		require.NoError(t, err)
		peer.expect(t, frame.TypeOpen)
		ping := peer.expect(t, frame.TypePing)
		synctest.Wait()
		peer.say(fr(frame.TypePong, 0, 0, ping.payload...))
		answered := time.Now()
		peer.expect(t, frame.TypePing)
		assert.Equal(t, 5*time.Second, time.Since(answered))
		assert.Equal(t, 5*time.Second, ours.Silence())
		<-ours.Context().Done()
		assert.Equal(t, time.Minute, time.Since(answered))
		_, _, err = s.Recv(t.Context())
		assert.Error(t, err)
		peer.hangUp(ours)
	})
}

func TestWithoutATerminalOrWithAShorterPingNothingChanges(t *testing.T) {
	for _, c := range []struct {
		ping     time.Duration
		terminal bool
		asked    time.Duration
	}{{0, false, 15 * time.Second}, {2 * time.Second, true, 2 * time.Second}, {2 * time.Second, false, 2 * time.Second}} {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Client, Ping: c.ping})
			began := time.Now()
			_, err := ours.Open(frame.KindExec, [2]uint64{}, c.terminal)
			require.NoError(t, err)
			peer.expect(t, frame.TypeOpen)
			peer.expect(t, frame.TypePing)
			assert.Equal(t, c.asked, time.Since(began))
			peer.hangUp(ours)
		})
	}
}

func TestSilenceIsWhatResumeDoesNotBridge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		time.Sleep(8 * time.Second)
		assert.Equal(t, 8*time.Second, ours.Silence())
		ours.Resume()
		peer.expect(t, frame.TypePing) // the peer hears of it
		time.Sleep(time.Second)
		assert.Equal(t, time.Second, ours.Silence())
		peer.say(fr(0x80, 0, 0))
		synctest.Wait()
		assert.Zero(t, ours.Silence())
		peer.hangUp(ours)
	})
}

func TestWhoOversleptListensBeforeItGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		peer.expect(t, frame.TypePing)
		time.Sleep(40 * time.Second)
		ours.overslept(time.Now().Add(-8 * time.Second)) // more than half of Ping
		assert.Zero(t, ours.Silence())
		anew := time.Now()
		time.Sleep(10 * time.Second)
		ours.overslept(time.Now().Add(-7 * time.Second))
		<-ours.Context().Done()
		assert.Equal(t, time.Minute, time.Since(anew))
		peer.hangUp(ours)
	})
}

func TestAwayTellsWhenItIsOnTheWire(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		ours := run(New(Config{Role: Client}), a)
		synctest.Wait()
		_, err := ours.Open(frame.KindExec, [2]uint64{}, false) // keeps the writer in a Write
		require.NoError(t, err)
		synctest.Wait()
		said := ours.Away(time.Hour)
		synctest.Wait()
		select {
		case <-said:
			t.Error("said before the peer took anything")
		default:
		}
		peer := newRaw(b)
		peer.expect(t, frame.TypeOpen)
		peer.expect(t, frame.TypeAway)
		<-said
		peer.hangUp(ours)
	})
}

func TestWhatCrossesAwayIsNoSignOfLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(fr(frame.TypeAway, 0, 0, frame.AppendAway(nil, 36000)...))
		time.Sleep(900 * time.Millisecond)
		peer.say(fr(0x80, 0, 0)) // a PONG, say, that was queued with it
		time.Sleep(5 * time.Hour)
		require.NoError(t, ours.Context().Err())
		peer.say(fr(0x80, 0, 0))
		back := time.Now()
		<-ours.Context().Done()
		assert.Equal(t, time.Minute, time.Since(back))
		peer.hangUp(ours)
	})
}

func TestEveryGoroutineOfAConnectionIsGuarded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ended atomic.Int32
		ours, peer := against(Config{Role: Client, Guard: func() { ended.Add(1) }})
		synctest.Wait()
		ours.Close()
		peer.hangUp(ours)
		assert.Equal(t, int32(2), ended.Load(), "the writer and the keepalive; who calls Run guards itself")
	})
}
