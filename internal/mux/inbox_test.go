package mux

import (
	"encoding/binary"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

func TestTheInboxHolds64MessagesAndTheLastResize(t *testing.T) {
	signal := fr(frame.TypeSignal, 0, 1, 0, 0, 0, 1, 'T')
	size := func(n uint16) []byte {
		return fr(frame.TypeResize, 0, 1, append(binary.BigEndian.AppendUint16(nil, n), make([]byte, 6)...)...)
	}
	for _, over := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			ours, peer := against(Config{Role: Daemon})
			peer.say(openFrame(1), fr(frame.TypeStart, 0, 1, 0xa0))
			peer.expect(t, frame.TypeAccept)
			for n := range uint16(1000) {
				peer.say(size(n))
			}
			for range maxInbox - 1 {
				peer.say(signal)
			}
			peer.say(size(1000))
			synctest.Wait()
			s, err := ours.Accept(t.Context())
			require.NoError(t, err)
			if over {
				peer.say(signal)
				e, err := frame.ParseEnding(peer.expect(t, frame.TypeReset).payload)
				require.NoError(t, err)
				assert.Equal(t, frame.CodeOverload, e.Code)
				_, _, err = s.Recv(t.Context())
				var se *frame.StreamError
				require.ErrorAs(t, err, &se)
				assert.Equal(t, frame.CodeOverload, se.Code)
				peer.say(signal, fr(frame.TypeClose, 0, 1), openFrame(3)) // the connection goes on
				peer.expect(t, frame.TypeAccept)
				peer.hangUp(ours)
				return
			}
			var got []frame.Type
			for range maxInbox + 1 {
				ty, p, err := s.Recv(t.Context())
				require.NoError(t, err)
				got = append(got, ty)
				if ty == frame.TypeResize {
					assert.EqualValues(t, 1000, binary.BigEndian.Uint16(p))
				}
			}
			assert.Equal(t, []frame.Type{frame.TypeStart, frame.TypeResize, frame.TypeSignal}, got[:3])
			peer.hangUp(ours)
		})
	}
}

func TestSendIsBoundedAndRefusesWhatIsNoMessage(t *testing.T) {
	c := New(Config{Role: Client})
	s, err := c.Open(frame.KindExec, [2]uint64{}, true)
	require.NoError(t, err)
	assert.Error(t, s.Send(frame.TypeClose, nil))
	assert.Error(t, s.Send(frame.TypeData, []byte{1}))
	assert.Error(t, s.Send(frame.TypePing, u64(1)))
	assert.Error(t, s.Send(frame.TypeStart, nil))
	assert.Error(t, s.Send(frame.TypeStart, make([]byte, frame.MaxMessage+1)))
	sent := 0
	for ; sent < 100; sent++ {
		if err = s.Send(frame.TypeStart, make([]byte, frame.MaxMessage)); err != nil {
			break
		}
	}
	var se *frame.StreamError
	require.ErrorAs(t, err, &se)
	assert.Equal(t, frame.CodeOverload, se.Code)
	assert.Equal(t, maxQueued/frame.MaxMessage-1, sent)
	c.Abort(nil)
}

func TestAPeerThatAsksAndDoesNotReadIsEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := duplexes() // nobody reads b
		ours := run(New(Config{Role: Daemon, Accept: takeAll}), a)
		go func() {
			for {
				if _, err := ours.Accept(t.Context()); err != nil {
					return
				}
			}
		}()
		go func() {
			for range 20000 {
				if _, err := b.Write(append(openFrame(1), fr(frame.TypeClose, 0, 1)...)); err != nil {
					return
				}
			}
		}()
		<-ours.done
		var ce *frame.ConnError
		require.ErrorAs(t, ours.err, &ce)
		assert.Equal(t, frame.CodeOverload, ce.Code)
		ours.mu.Lock()
		assert.Less(t, len(ours.ctl), 2*maxReplies)
		ours.mu.Unlock()
		_ = b.Close()
	})
}
