package frame

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzz holds for one parser: it never panics; it asks for memory in proportion to what it got; what it takes is valid,
// encodes, and what was encoded decodes and encodes to the same again; what it refuses it hands on nothing of.
func fuzz[M interface{ Append([]byte) []byte }](f *testing.F, parse func([]byte) (M, error), seeds ...string) {
	for _, s := range seeds {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var m M
		var err error
		used := allocated(func() { m, err = parse(p) })
		require.LessOrEqual(t, used, uint64(256<<10+64*len(p)))
		if err != nil {
			require.Zero(t, m)
			return
		}
		if v, ok := any(m).(message); ok {
			require.NoError(t, v.Validate())
		}
		once := m.Append(nil)
		again, err := parse(once)
		require.NoError(t, err)
		require.Equal(t, once, again.Append(nil))
	})
}

const (
	duplicate  = "a2 02 4161 02 4162"
	indefinite = "bf 02 5f 4161 ff ff"
	tagged     = "c1 a0"
	deep       = "a1 1840 81 81 81 81 00"
	skipped    = "a2 1840 82 f6 6161 1841 fb 0000000000000000"
	manyWords  = "a1 01 9a 00040000"
)

func FuzzStart(f *testing.F) {
	fuzz(f, ParseStart, goldenStart, goldenShell, goldenSubsystem, goldenSystems, goldenWords, "a0", "f6", duplicate, indefinite, tagged, deep, skipped, manyWords)
}

func FuzzStarted(f *testing.F) {
	fuzz(f, ParseStarted, goldenStarted, "a1 01 50 000102030405060708090a0b0c0d0e0f", duplicate, indefinite, skipped)
}

func FuzzAttach(f *testing.F) {
	fuzz(f, ParseAttach, goldenAttach, "a1 01 50 000102030405060708090a0b0c0d0e0f", duplicate, indefinite, skipped)
}

func FuzzVerdict(f *testing.F) {
	fuzz(f, ParseVerdict, goldenVerdict, goldenExited, "a1 01 08", duplicate, indefinite, skipped)
}

func FuzzDial(f *testing.F) { fuzz(f, ParseDial, goldenDial, duplicate, indefinite, skipped) }
func FuzzConnected(f *testing.F) {
	fuzz(f, ParseConnected, goldenConnected, "a1 01 50 000102030405060708090a0b0c0d0e0f", duplicate, indefinite, skipped)
}
func FuzzOpen(f *testing.F)   { fuzz(f, ParseOpen, goldenOpen, "00", "ff") }
func FuzzAccept(f *testing.F) { fuzz(f, ParseAccept, goldenAccept, "00") }
func FuzzEnding(f *testing.F) { fuzz(f, ParseEnding, goldenEnding, "0000", "00", "ffff ff") }
func FuzzCredit(f *testing.F) {
	fuzz(f, ParseCredit, goldenCredit, "ffffffffffffffff 0000000000000001")
}
func FuzzSize(f *testing.F) { fuzz(f, ParseSize, goldenResize, "ffffffffffffffff") }
func FuzzSignal(f *testing.F) {
	fuzz(f, ParseSignal, goldenSignal, "00000000 494e54", "00000001 696e74")
}

// The numbers have no struct: each must take its own length and give the same bytes back.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{goldenEOF, goldenAway, goldenCancel, ""} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := ParseUint64(p)
		require.Equal(t, len(p) == 8, err == nil)
		if err == nil {
			require.Equal(t, p, AppendUint64(nil, v))
		}
		s, err := ParseAway(p)
		require.Equal(t, len(p) == 4, err == nil)
		if err == nil {
			require.Equal(t, p, AppendAway(nil, s))
		}
		r, err := ParseCancel(p)
		require.Equal(t, len(p) == 1, err == nil)
		if err == nil {
			require.Equal(t, p, []byte{byte(r)})
		}
	})
}

// What Check takes obeys the rules of the header, whatever max_frame is; the header comes back byte for byte.
func FuzzHeader(f *testing.F) {
	for _, w := range wire {
		h := Header{Length: w.least, Type: w.typ}
		if !w.connection {
			h.Stream = 1
		}
		if w.lane {
			h.Lane = LaneOut
		}
		f.Add(h.Append(nil), uint32(MaxMaxFrame))
	}
	f.Add(make([]byte, 8), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, maxFrame uint32) {
		if len(b) < HeaderSize {
			return
		}
		h := ParseHeader(b)
		require.Equal(t, b[:HeaderSize], h.Append(nil))
		require.Equal(t, binary.BigEndian.Uint32(b), h.Length)
		if h.Check(maxFrame) != nil {
			return
		}
		switch {
		case h.Type >= Skippable:
			require.LessOrEqual(t, h.Length, uint32(MaxMessage))
		case h.Type == TypeData:
			require.LessOrEqual(t, h.Length, min(maxFrame, MaxMaxFrame))
			require.NotZero(t, h.Length)
		default:
			require.LessOrEqual(t, h.Length, uint32(MaxMessage))
			require.True(t, h.Type.Known())
		}
		if h.Type < Skippable {
			require.Equal(t, h.Type.OnConnection(), h.Stream == 0)
			require.Equal(t, h.Type.OnLane(), h.Lane >= LaneIn && h.Lane <= LaneErr)
		}
	})
}
