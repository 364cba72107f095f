package frame

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wire says of every type where it belongs and how long its payload is, written down a second time.
var wire = []struct {
	number      uint8
	typ         Type
	name        string
	connection  bool // stream 0
	lane        bool // 1 to 3
	least, most uint32
}{
	{0x01, TypeM1, "M1", true, false, 1, 1024},
	{0x02, TypeM2, "M2", true, false, 1, 1024},
	{0x03, TypeM3, "M3", true, false, 1, 1024},
	{0x04, TypeM4, "M4", true, false, 1, 1024},
	{0x05, TypeRefused, "REFUSED", true, false, 2, 2},
	{0x10, TypeOpen, "OPEN", false, false, 18, 49},
	{0x11, TypeAccept, "ACCEPT", false, false, 16, 16},
	{0x12, TypeReset, "RESET", false, false, 2, 1026},
	{0x13, TypeClose, "CLOSE", false, false, 0, 0},
	{0x20, TypeData, "DATA", false, true, 1, 65536},
	{0x21, TypeCredit, "CREDIT", false, true, 16, 16},
	{0x22, TypeEOF, "EOF", false, true, 8, 8},
	{0x23, TypeStop, "STOP", false, true, 0, 0},
	{0x30, TypeStart, "START", false, false, 1, 262144},
	{0x31, TypeStarted, "STARTED", false, false, 1, 262144},
	{0x32, TypeVerdict, "VERDICT", false, false, 1, 262144},
	{0x33, TypeVerdictAck, "VERDICT_ACK", false, false, 0, 0},
	{0x34, TypeResize, "RESIZE", false, false, 8, 8},
	{0x35, TypeSignal, "SIGNAL", false, false, 5, 20},
	{0x36, TypeCancel, "CANCEL", false, false, 1, 1},
	{0x37, TypeAttach, "ATTACH", false, false, 1, 262144},
	{0x40, TypePing, "PING", true, false, 8, 8},
	{0x41, TypePong, "PONG", true, false, 8, 8},
	{0x42, TypeGoAway, "GOAWAY", true, false, 2, 1026},
	{0x43, TypeAway, "AWAY", true, false, 4, 4},
}

func TestTypesHaveTheirNumbersAndNames(t *testing.T) {
	require.Len(t, typeNames, len(wire))
	for _, w := range wire {
		require.Equal(t, w.number, uint8(w.typ), w.name)
		require.Equal(t, w.name, w.typ.String())
		require.True(t, w.typ.Known(), w.name)
		require.Equal(t, w.connection, w.typ.OnConnection(), w.name)
		require.Equal(t, w.lane, w.typ.OnLane(), w.name)
	}
	for n := range 256 {
		if _, known := typeNames[Type(n)]; !known {
			require.False(t, Type(n).Known())
			require.Equal(t, fmt.Sprintf("type 0x%02x", n), Type(n).String())
		}
	}
}

func TestHeaderHasItsLayout(t *testing.T) {
	h := Header{Length: 0x01020304, Type: TypeData, Lane: LaneErr, Stream: 0xa0b0}
	require.Equal(t, "010203042003a0b0", hex.EncodeToString(h.Append(nil)))
	require.Equal(t, "ff010203042003a0b0", hex.EncodeToString(h.Append([]byte{0xff})))
	require.Equal(t, h, ParseHeader(append(h.Append(nil), "what comes behind"...)))
}

func TestHeaderRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Length: rapid.Uint32().Draw(t, "length"),
			Type:   Type(rapid.Byte().Draw(t, "type")),
			Lane:   rapid.Byte().Draw(t, "lane"),
			Stream: rapid.Uint16().Draw(t, "stream"),
		}
		b := h.Append(nil)
		assert.Len(t, b, HeaderSize)
		assert.Equal(t, h, ParseHeader(b))
	})
}

// Every type on every lane, on streams that are 0 and not, one byte below, at and above both ends of its length.
func TestCheckTakesWhatTheTableSaysAndNothingElse(t *testing.T) {
	for _, w := range wire {
		for lane := range 256 {
			for _, stream := range []uint16{0, 1, 2, 65535} {
				for _, length := range []uint32{0, w.least - 1, w.least, w.least + 1, w.most - 1, w.most, w.most + 1, MaxMessage + 1, 1<<32 - 1} {
					h := Header{Length: length, Type: w.typ, Lane: uint8(lane), Stream: stream}
					good := length >= w.least && length <= w.most &&
						(stream == 0) == w.connection &&
						(w.lane && lane >= 1 && lane <= 3 || !w.lane && lane == 0)
					require.Equal(t, good, h.Check(MaxMaxFrame) == nil, "%+v", h)
				}
			}
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		h    Header
		says string
	}{
		{Header{8, TypePing, 0, 3}, "PING on stream 3"},
		{Header{0, TypeClose, 0, 0}, "CLOSE on stream 0"},
		{Header{1, TypeData, 0, 3}, "DATA on lane 0"},
		{Header{1, TypeData, 4, 3}, "DATA on lane 4"},
		{Header{0, TypeClose, 1, 3}, "CLOSE on lane 1"},
		{Header{0, TypeData, 1, 3}, "DATA of 0 bytes, must be 1 to 65536"},
		{Header{7, TypeEOF, 1, 3}, "EOF of 7 bytes, must be 8"},
		{Header{50, TypeOpen, 0, 3}, "OPEN of 50 bytes, must be 18 to 49"},
		{Header{262145, TypeStart, 0, 3}, "START of 262145 bytes, the limit is 262144"},
		{Header{0, 0x00, 0, 0}, "unknown frame type 0x00"},
		{Header{0, 0x7f, 0, 1}, "unknown frame type 0x7f"},
		{Header{262145, 0x80, 0, 1}, "type 0x80 of 262145 bytes, the limit is 262144"},
	} {
		require.EqualError(t, c.h.Check(MaxMaxFrame), c.says)
	}
}

func TestDataIsBoundedByMaxFrameAndOtherTypesAreNot(t *testing.T) {
	require.NoError(t, Header{1024, TypeData, LaneOut, 1}.Check(1024))
	require.EqualError(t, Header{1025, TypeData, LaneOut, 1}.Check(1024), "DATA of 1025 bytes, the limit is 1024")
	require.NoError(t, Header{1025, TypeStart, LaneMessages, 1}.Check(1024))
	require.EqualError(t, Header{65537, TypeData, LaneOut, 1}.Check(1<<20), "DATA of 65537 bytes, must be 1 to 65536",
		"a max_frame that M4 may not name does not widen the layout")
}

func TestUnknownTypesAreRefusedBelow0x80AndSkippedFromThere(t *testing.T) {
	for n := range 256 {
		typ := Type(n)
		for _, lane := range []uint8{0, 1, 3, 255} {
			for _, stream := range []uint16{0, 1, 65535} {
				switch err := (Header{0, typ, lane, stream}).Check(MaxMaxFrame); {
				case typ >= Skippable:
					require.NoError(t, err)
				case !typ.Known():
					require.EqualError(t, err, fmt.Sprintf("unknown frame type 0x%02x", n))
				}
			}
		}
	}
	require.NoError(t, Header{MaxMessage, 0xff, 9, 9}.Check(MaxMaxFrame))
}

func TestHeadersCostNoAllocation(t *testing.T) {
	buf := make([]byte, 0, HeaderSize)
	h := Header{Length: 4096, Type: TypeData, Lane: LaneOut, Stream: 7}
	var bad int
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b := h.Append(buf)
		if ParseHeader(b) != h || h.Check(MaxMaxFrame) != nil {
			bad++
		}
	}))
	require.Zero(t, bad)
}

// Credit is the only message that follows the flow of data: it costs nothing either.
func TestCreditsCostNoAllocation(t *testing.T) {
	buf := make([]byte, 0, 16)
	c := Credit{Consumed: 1 << 40, Limit: 1<<40 + 1<<18}
	var bad int
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if got, err := ParseCredit(c.Append(buf)); err != nil || got != c {
			bad++
		}
	}))
	require.Zero(t, bad)
}

func BenchmarkHeader(b *testing.B) {
	buf := make([]byte, 0, HeaderSize)
	h := Header{Length: 4096, Type: TypeData, Lane: LaneOut, Stream: 7}
	b.ReportAllocs()
	for b.Loop() {
		if ParseHeader(h.Append(buf)).Check(MaxMaxFrame) != nil {
			b.Fatal("a good header was refused")
		}
	}
}

func BenchmarkStart(b *testing.B) {
	p := fullStart().Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseStart(p); err != nil {
			b.Fatal(err)
		}
	}
}
