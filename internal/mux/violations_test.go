package mux

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// violation is what a hostile peer says; the connection must end with GOAWAY protocol.
type violation struct {
	name string
	says [][]byte
}

func resize() []byte { return make([]byte, 8) }

// Frames that either role refuses, on stream id, which the peer opened and which said START, or which we opened.
func violationsOfBoth() []violation {
	return []violation{
		{"a handshake message behind the handshake", [][]byte{fr(frame.TypeM1, 0, 0, 1)}},
		{"REFUSED behind M4", [][]byte{fr(frame.TypeRefused, 0, 0, 0, 1)}},
		{"an unknown type below 0x80", [][]byte{fr(0x7f, 0, 0)}},
		{"type 0", [][]byte{fr(0, 0, 0)}},
		{"a message over 256 KiB", [][]byte{frame.Header{Length: frame.MaxMessage + 1, Type: frame.TypeStart, Stream: 1}.Append(nil)}},
		{"a skippable frame over 256 KiB", [][]byte{frame.Header{Length: frame.MaxMessage + 1, Type: 0x80}.Append(nil)}},
		{"DATA over max_frame", [][]byte{frame.Header{Length: 2049, Type: frame.TypeData, Lane: 1, Stream: 1}.Append(nil)}},
		{"PING of 7 bytes", [][]byte{fr(frame.TypePing, 0, 0, 1, 2, 3, 4, 5, 6, 7)}},
		{"PING on a stream", [][]byte{fr(frame.TypePing, 0, 1, u64(1)...)}},
		{"PING on a lane", [][]byte{fr(frame.TypePing, 1, 0, u64(1)...)}},
		{"PONG that answers nothing", [][]byte{fr(frame.TypePong, 0, 0, u64(1)...)}},
		{"GOAWAY of 1 byte", [][]byte{fr(frame.TypeGoAway, 0, 0, 1)}},
		{"AWAY of 3 bytes", [][]byte{fr(frame.TypeAway, 0, 0, 1, 2, 3)}},
		{"CLOSE of an id that was never open", [][]byte{fr(frame.TypeClose, 0, 7)}},
		{"DATA on an id that was never open", [][]byte{fr(frame.TypeData, 1, 7, 1)}},
		{"CREDIT on an id that was never open", [][]byte{fr(frame.TypeCredit, 1, 7, u64(0, 1)...)}},
		{"STOP on an id that was never open", [][]byte{fr(frame.TypeStop, 1, 7)}},
		{"OPEN of stream 0", [][]byte{openFrame(0)}},
	}
}

func TestAProtocolViolationEndsADaemonsConnection(t *testing.T) {
	open1 := openFrame(1, 1000, 1000)
	started := append(append([]byte{}, open1...), fr(frame.TypeStart, 0, 1, 0xa0)...)
	say := func(name string, f ...[]byte) violation { return violation{name, f} }
	rows := append(violationsOfBoth(),
		say("OPEN of a daemon's id", openFrame(2)),
		say("OPEN of a live id", open1, openFrame(1)),
		say("OPEN with too much credit", openFrame(1, frame.MaxCredit+1)),
		say("OPEN with a kind of another length", fr(frame.TypeOpen, 0, 1, append([]byte{9, 'e'}, u64(0, 0)...)...)),
		say("ACCEPT of a stream it opened", open1, fr(frame.TypeAccept, 0, 1, u64(1, 1)...)),
		say("DATA on lane 0", open1, fr(frame.TypeData, 0, 1, 1)),
		say("DATA on lane 4", open1, fr(frame.TypeData, 4, 1, 1)),
		say("DATA on the daemon's lane", open1, fr(frame.TypeData, 2, 1, 1)),
		say("DATA of no bytes", open1, fr(frame.TypeData, 1, 1)),
		say("DATA over the limit", open1, fr(frame.TypeData, 1, 1, make([]byte, 2000)...), fr(frame.TypeData, 1, 1, make([]byte, 1073)...)),
		say("DATA behind EOF", open1, fr(frame.TypeEOF, 1, 1, u64(0)...), fr(frame.TypeData, 1, 1, 1)),
		say("EOF twice", open1, fr(frame.TypeEOF, 1, 1, u64(0)...), fr(frame.TypeEOF, 1, 1, u64(0)...)),
		say("EOF of the daemon's lane", open1, fr(frame.TypeEOF, 2, 1, u64(0)...)),
		say("CREDIT of the client's own lane", open1, fr(frame.TypeCredit, 1, 1, u64(0, 10)...)),
		say("STOP of the client's own lane", open1, fr(frame.TypeStop, 1, 1)),
		say("CREDIT for what was not sent", open1, fr(frame.TypeCredit, 2, 1, u64(1, 2000)...)),
		say("CREDIT whose limit goes back", open1, fr(frame.TypeCredit, 2, 1, u64(0, 999)...)),
		say("CREDIT of more than 16 MiB", open1, fr(frame.TypeCredit, 2, 1, u64(0, frame.MaxCredit+1)...)),
		say("CREDIT whose limit is below consumed", open1, fr(frame.TypeCredit, 2, 1, u64(5, 4)...)),
		say("CLOSE twice", open1, fr(frame.TypeClose, 0, 1), fr(frame.TypeClose, 0, 1)),
		say("RESET of 1 byte", open1, fr(frame.TypeReset, 0, 1, 1)),
		say("RESET with too long a text", open1, fr(frame.TypeReset, 0, 1, make([]byte, 3+frame.MaxText)...)),
		say("DATA behind CLOSE", open1, fr(frame.TypeClose, 0, 1), fr(frame.TypeData, 1, 1, 1)),
		say("a message behind RESET", open1, fr(frame.TypeReset, 0, 1, 0, 7), fr(frame.TypeStart, 0, 1, 0xa0)),
		say("RESIZE before START", open1, fr(frame.TypeResize, 0, 1, resize()...)),
		say("START twice", started, fr(frame.TypeStart, 0, 1, 0xa0)),
		say("ATTACH behind START", started, fr(frame.TypeAttach, 0, 1, 0xa0)),
		say("STARTED from the opener", started, fr(frame.TypeStarted, 0, 1, 0xa0)),
		say("VERDICT from the opener", started, fr(frame.TypeVerdict, 0, 1, 0xa0)),
		say("RESIZE of 7 bytes", started, fr(frame.TypeResize, 0, 1, resize()[:7]...)),
		say("VERDICT_ACK with a payload", started, fr(frame.TypeVerdictAck, 0, 1, 1)),
	)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ours, peer := against(Config{Role: Daemon, MaxFrame: 2048, Window: 3072})
				go peer.say(row.says...)
				endsWithProtocol(t, ours, peer)
			})
		})
	}
}

func TestAProtocolViolationEndsAClientsConnection(t *testing.T) {
	accept := fr(frame.TypeAccept, 0, 1, u64(1000, 0)...)
	say := func(name string, f ...[]byte) violation { return violation{name, f} }
	rows := append(violationsOfBoth(),
		say("OPEN of a client's id", openFrame(3)),
		say("ACCEPT twice", accept, accept),
		say("ACCEPT with too much credit", fr(frame.TypeAccept, 0, 1, u64(frame.MaxCredit+1, 0)...)),
		say("CREDIT before ACCEPT", fr(frame.TypeCredit, 1, 1, u64(0, 10)...), fr(frame.TypeAccept, 0, 1, u64(1, 0)...)),
		say("DATA before ACCEPT", fr(frame.TypeData, 2, 1, 1)),
		say("STARTED before ACCEPT", fr(frame.TypeStarted, 0, 1, 0xa0)),
		say("DATA on stdin", accept, fr(frame.TypeData, 1, 1, 1)),
		say("CREDIT for stdout", accept, fr(frame.TypeCredit, 2, 1, u64(0, 1)...)),
		say("STOP for stdout", accept, fr(frame.TypeStop, 2, 1)),
		say("START from the one who accepted", accept, fr(frame.TypeStart, 0, 1, 0xa0)),
		say("STARTED twice", accept, fr(frame.TypeStarted, 0, 1, 0xa0), fr(frame.TypeStarted, 0, 1, 0xa0)),
		say("VERDICT twice", accept, fr(frame.TypeVerdict, 0, 1, 0xa0), fr(frame.TypeVerdict, 0, 1, 0xa0)),
	)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ours, peer := against(Config{Role: Client, MaxFrame: 2048})
				_, err := ours.Open(frame.KindExec, [2]uint64{1000, 1000}, false)
				require.NoError(t, err)
				peer.expect(t, frame.TypeOpen)
				go peer.say(row.says...)
				endsWithProtocol(t, ours, peer)
			})
		})
	}
}

// endsWithProtocol waits for GOAWAY protocol with a text, the end behind it, and the same error on our side.
func endsWithProtocol(t *testing.T, ours *side, peer *raw) {
	t.Helper()
	var last rawFrame
	for last = range peer.frames {
	}
	_ = peer.Close()
	<-ours.done
	var ce *frame.ConnError
	require.ErrorAs(t, ours.err, &ce)
	assert.Equal(t, frame.CodeProtocol, ce.Code)
	assert.NotEmpty(t, ce.Text)
	assert.False(t, ce.Remote)
	require.Equal(t, frame.TypeGoAway, last.Type)
	e, err := frame.ParseEnding(last.payload)
	require.NoError(t, err)
	assert.Equal(t, frame.Ending{Code: ce.Code, Text: ce.Text}, e)
	assert.Zero(t, ours.Streams())
	assert.Error(t, ours.Context().Err())
}

func TestSkippableFramesAreSkippedWhereverTheyStand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(fr(0x80, 9, 77, 1, 2, 3), fr(0xff, 0, 0), fr(0x90, 0, 1, make([]byte, frame.MaxMessage)...), fr(frame.TypePing, 0, 0, u64(5)...))
		assert.Equal(t, u64(5), peer.expect(t, frame.TypePong).payload)
		peer.hangUp(ours)
	})
}

func TestAWrongEOFOffsetResetsTheStreamAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon})
		peer.say(openFrame(1), fr(frame.TypeData, 1, 1, 1, 2, 3), fr(frame.TypeEOF, 1, 1, u64(4)...))
		peer.expect(t, frame.TypeAccept)
		f := peer.expect(t, frame.TypeReset)
		e, err := frame.ParseEnding(f.payload)
		require.NoError(t, err)
		assert.Equal(t, frame.CodeProtocol, e.Code)
		s, err := ours.Accept(t.Context())
		require.NoError(t, err)
		var se *frame.StreamError
		_, err = s.Next(t.Context(), 1)
		require.ErrorAs(t, err, &se)
		assert.Equal(t, frame.CodeProtocol, se.Code)
		// What crossed our RESET is dropped, the connection lives, the id is free behind the peer's own end.
		peer.say(fr(frame.TypeData, 1, 1, 9), fr(frame.TypeCredit, 2, 1, u64(0, 9)...), fr(frame.TypeStart, 0, 1, 0xa0), fr(frame.TypeClose, 0, 1), openFrame(1))
		peer.expect(t, frame.TypeAccept)
		peer.hangUp(ours)
	})
}

func TestRefusedStreamsGetResetAndTheirTailIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon, Accept: func(kind string) *frame.StreamError {
			return &frame.StreamError{Code: frame.CodeUnknownKind, Text: kind}
		}})
		peer.say(openFrame(1, 10), fr(frame.TypeStart, 0, 1, 0xa0), fr(frame.TypeData, 1, 1, 1), fr(frame.TypeEOF, 1, 1, u64(9)...))
		f := peer.expect(t, frame.TypeReset)
		e, err := frame.ParseEnding(f.payload)
		require.NoError(t, err)
		assert.Equal(t, frame.Ending{Code: frame.CodeUnknownKind, Text: "exec"}, e)
		assert.Equal(t, 1, ours.Streams())
		peer.say(fr(frame.TypeClose, 0, 1), openFrame(1))
		peer.expect(t, frame.TypeReset)
		peer.hangUp(ours)
	})
}

func TestTooManyStreamsAreRefusedAndThenEndTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon, Streams: 2})
		peer.say(openFrame(1), openFrame(3), openFrame(5), openFrame(7))
		peer.expect(t, frame.TypeAccept)
		peer.expect(t, frame.TypeAccept)
		for range 2 {
			e, err := frame.ParseEnding(peer.expect(t, frame.TypeReset).payload)
			require.NoError(t, err)
			assert.Equal(t, frame.CodeOverload, e.Code)
		}
		go peer.say(openFrame(9))
		e, err := frame.ParseEnding(peer.expect(t, frame.TypeGoAway).payload)
		require.NoError(t, err)
		assert.Equal(t, frame.CodeOverload, e.Code)
		peer.hangUp(ours)
	})
}

func TestStreamsNobodyServesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, peer := against(Config{Role: Daemon, Streams: 4})
		go func() {
			for id := uint16(1); id < 100; id += 2 {
				peer.say(openFrame(id), fr(frame.TypeClose, 0, id))
			}
		}()
		<-ours.done
		var ce *frame.ConnError
		require.ErrorAs(t, ours.err, &ce)
		assert.Equal(t, frame.CodeOverload, ce.Code)
		peer.hangUp(ours)
	})
}
