package mux

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestASilentPeerIsAskedOnceAndThenLost(t *testing.T) {
	for _, role := range []Role{Client, Daemon} {
		bubble(t, func(t *testing.T) {
			began := time.Now()
			ours, peer := against(Config{Role: role, Ping: 10 * time.Second, PingCount: 2})
			peer.expect(t, frame.TypePing)
			assert.Equal(t, 10*time.Second, time.Since(began))
			<-ours.Context().Done()
			assert.Equal(t, 30*time.Second, time.Since(began))
			_, more := <-peer.frames
			assert.False(t, more, "one PING is outstanding at most")
			<-ours.done
			var ce *frame.ConnError
			require.ErrorAs(t, ours.err, &ce)
			assert.Equal(t, frame.ConnError{Text: "no answer for 30s"}, *ce)
			peer.hangUp(ours)
		})
	}
}

func TestEveryByteIsLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon, Ping: time.Second, PingCount: 1})
		whole := append(openFrame(1), fr(frame.TypeData, 1, 1, make([]byte, 300)...)...)
		began := time.Now()
		for i := range whole { // a byte every 0.9 s: no frame is whole in time
			time.Sleep(900 * time.Millisecond)
			peer.say(whole[i : i+1])
		}
		skipped := frame.Header{Length: 50, Type: 0x99}.Append(nil)
		for i := range 58 {
			time.Sleep(900 * time.Millisecond)
			peer.say(append(skipped, make([]byte, 50)...)[i : i+1])
		}
		alive := time.Since(began)
		<-ours.Context().Done()
		assert.Equal(t, alive+2*time.Second, time.Since(began))
		peer.hangUp(ours)
	})
}

func TestTheLastByteStartsTheClockExactly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		time.Sleep(37*time.Second + 123*time.Millisecond)
		peer.say(fr(0x80, 0, 0))
		last := time.Now()
		<-ours.Context().Done()
		assert.Equal(t, 60*time.Second, time.Since(last))
		peer.hangUp(ours)
	})
}

func TestPingIsAnsweredAndMeasured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		time.Sleep(time.Second)
		peer.say(fr(frame.TypePing, 0, 0, u64(77)...))
		assert.Equal(t, u64(77), peer.expect(t, frame.TypePong).payload)
		got := make(chan time.Duration, 2)
		for range 2 { // two callers share one PING
			go func() {
				rtt, err := ours.Ping(t.Context())
				assert.NoError(t, err)
				got <- rtt
			}()
		}
		ping := peer.expect(t, frame.TypePing)
		time.Sleep(80 * time.Millisecond)
		peer.say(fr(frame.TypePong, 0, 0, ping.payload...))
		assert.Equal(t, 80*time.Millisecond, <-got)
		assert.Equal(t, 80*time.Millisecond, <-got)
		assert.Equal(t, 80*time.Millisecond, ours.RTT())
		// Another value answers nothing.
		go func() { _, _ = ours.Ping(t.Context()) }()
		peer.expect(t, frame.TypePing)
		peer.say(fr(frame.TypePong, 0, 0, u64(12345)...))
		endsWithProtocol(t, ours, peer)
		_, err := ours.Ping(t.Context())
		assert.ErrorAs(t, err, new(*frame.ConnError))
	})
}

func TestASecondPingBeforeTheAnswerIsAViolation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		ours := run(New(Config{Role: Daemon, Accept: takeAll}), a)
		_, err := b.Write(openFrame(1)) // the ACCEPT keeps the writer in a Write
		require.NoError(t, err)
		synctest.Wait()
		_, err = b.Write(append(fr(frame.TypePing, 0, 0, u64(1)...), fr(frame.TypePing, 0, 0, u64(2)...)...))
		require.NoError(t, err)
		synctest.Wait()
		endsWithProtocol(t, ours, newRaw(b))
	})
}

func TestAWriteThatStallsForAMinuteEndsTheConnection(t *testing.T) {
	for _, ping := range []time.Duration{15 * time.Second, time.Hour} {
		bubble(t, func(t *testing.T) {
			a, b := duplexes()
			ours := run(New(Config{Role: Daemon, Accept: takeAll, Ping: ping}), a)
			time.Sleep(7 * time.Second)
			_, err := b.Write(openFrame(1)) // its answer is never read
			require.NoError(t, err)
			began := time.Now()
			stop := make(chan struct{})
			go func() { // bytes come all the time: silence is not the reason
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
						_, _ = b.Write(fr(0x80, 0, 0))
					}
				}
			}()
			<-ours.Context().Done()
			assert.Equal(t, time.Minute, time.Since(began))
			var ce *frame.ConnError
			require.ErrorAs(t, context.Cause(ours.Context()), &ce)
			assert.Equal(t, "the other side took nothing for 1m0s", ce.Text)
			<-ours.done
			close(stop)
			require.NoError(t, b.Close())
		})
	}
}

func TestAWriteThatMovesIsNoStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes()
		began := time.Now()
		ours := run(New(Config{Role: Daemon, Accept: takeAll, Ping: time.Hour, LastWrite: func() time.Time {
			if time.Since(began) > 5*time.Minute {
				return began.Add(5 * time.Minute)
			}
			return time.Now()
		}}), a)
		_, err := b.Write(openFrame(1))
		require.NoError(t, err)
		<-ours.Context().Done()
		assert.Equal(t, 6*time.Minute, time.Since(began))
		<-ours.done
		require.NoError(t, b.Close())
	})
}

func TestAwaySuspendsSilenceAndTheWriteTestOnADaemon(t *testing.T) {
	away := func(seconds uint32) []byte { return fr(frame.TypeAway, 0, 0, frame.AppendAway(nil, seconds)...) }
	t.Run("until the next byte", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Daemon})
			peer.say(away(36000))
			time.Sleep(5 * time.Hour)
			require.NoError(t, ours.Context().Err())
			peer.say(fr(0x80, 0, 0))
			back := time.Now()
			<-ours.Context().Done()
			assert.Equal(t, time.Minute, time.Since(back))
			peer.hangUp(ours)
		})
	})
	t.Run("as long as it said", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Daemon})
			peer.say(away(3601))
			said := time.Now()
			<-ours.Context().Done()
			assert.Equal(t, 3601*time.Second+time.Minute, time.Since(said), "silence begins when AWAY ends")
			peer.hangUp(ours)
		})
	})
	t.Run("as long as is believed", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Daemon, AwayLimit: time.Hour})
			peer.say(away(1 << 31))
			said := time.Now()
			<-ours.Context().Done()
			assert.Equal(t, time.Hour+time.Minute, time.Since(said))
			peer.hangUp(ours)
		})
	})
	t.Run("a Write that hangs is late only a minute behind it", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			a, b := duplexes()
			ours := run(New(Config{Role: Daemon, Accept: takeAll, Ping: time.Hour}), a)
			_, err := b.Write(append(away(7200), openFrame(1)...)) // the OPEN is in the same segment
			require.NoError(t, err)
			said := time.Now()
			<-ours.Context().Done()
			assert.Equal(t, 2*time.Hour+time.Minute, time.Since(said))
			<-ours.done
			require.NoError(t, b.Close())
		})
	})
	t.Run("a client takes nobody's word", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Client})
			peer.say(away(3600))
			said := time.Now()
			<-ours.Context().Done()
			assert.Equal(t, time.Minute, time.Since(said))
			peer.hangUp(ours)
		})
	})
}

func TestAwayAndResumeBridgeASuspendedClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		ours.Away(90*time.Second + 1)
		assert.Equal(t, frame.AppendAway(nil, 90), peer.expect(t, frame.TypeAway).payload)
		ping := peer.expect(t, frame.TypePing)
		time.Sleep(20 * time.Second) // as if suspended
		ours.Resume()
		peer.say(fr(frame.TypePong, 0, 0, ping.payload...))
		synctest.Wait()
		assert.Zero(t, ours.RTT(), "the sleep is no round trip")
		time.Sleep(30 * time.Second)
		ours.Resume()
		resumed := time.Now()
		<-ours.Context().Done()
		assert.Equal(t, time.Minute, time.Since(resumed))
		peer.hangUp(ours)
	})
}

func TestPingEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Client})
		stop := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, stop)
		defer cancel()
		_, err := ours.Ping(ctx)
		assert.ErrorIs(t, err, stop)
		peer.hangUp(ours)
	})
}
