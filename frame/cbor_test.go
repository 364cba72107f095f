package frame

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each input is START as a hostile or a careless peer may write it.
func TestStartRefusesEveryOtherCBOR(t *testing.T) {
	for name, c := range map[string]struct{ in, says string }{
		"nothing":                   {"", "start: EOF"},
		"null":                      {"f6", "start: a simple value or float, want a map"},
		"undefined":                 {"f7", "start: a simple value or float, want a map"},
		"a number":                  {"01", "start: an unsigned integer, want a map"},
		"a negative number":         {"20", "start: a negative integer, want a map"},
		"a byte string":             {"40", "start: a byte string, want a map"},
		"a text string":             {"60", "start: a text string, want a map"},
		"an array":                  {"80", "start: an array, want a map"},
		"bytes behind the map":      {"a0 00", "extraneous data"},
		"a second map":              {"a0 a0", "extraneous data"},
		"cut behind the head":       {"a1", "unexpected EOF"},
		"cut behind a key":          {"a1 02", "unexpected EOF"},
		"cut in a string":           {"a1 02 45 61", "unexpected EOF"},
		"cut in a length":           {"a1 02 59 01", "unexpected EOF"},
		"reserved length":           {"a1 02 5c", "invalid additional information 28"},
		"string as long as memory":  {"a1 02 5b 7fffffffffffffff", "unexpected EOF"},
		"string longer than int":    {"a1 02 5b ffffffffffffffff", "too large"},
		"two-byte simple below 32":  {"a1 08 f8 14", "invalid simple value 20"},
		"indefinite map":            {"bf ff", "indefinite-length map isn't allowed"},
		"indefinite array":          {"a1 01 9f ff", "indefinite-length array isn't allowed"},
		"indefinite byte string":    {"a1 02 5f ff", "indefinite-length byte string isn't allowed"},
		"indefinite text, skipped":  {"a1 1840 7f ff", "indefinite-length UTF-8 text string isn't allowed"},
		"a tagged map":              {"c1 a0", "CBOR tag isn't allowed"},
		"a tagged value":            {"a1 02 d8 18 40", "CBOR tag isn't allowed"},
		"a tag, skipped":            {"a1 1840 c1 00", "CBOR tag isn't allowed"},
		"a tagged key":              {"a1 c1 02 40", "CBOR tag isn't allowed"},
		"key 2 twice":               {"a2 02 4161 02 4162", "duplicate map key 2"},
		"key 64 twice":              {"a2 1840 00 1840 00", "duplicate map key 64"},
		"key 2, then 2 in 2 bytes":  {"a2 02 4161 1802 4162", "duplicate map key 2"},
		"a mode twice":              {"a1 06 a2 02 a2 0100 0200 03 a2 0101 0102", "duplicate map key 0x1"},
		"a terminal's size twice":   {"a1 06 a2 02 a2 0100 0200 02 a2 0100 0200", "duplicate map key 2"},
		"unknown key 0":             {"a1 00 00", "start: unknown key 0"},
		"unknown key 19":            {"a1 13 00", "start: unknown key 19"},
		"unknown key 63":            {"a1 183f 00", "start: unknown key 63"},
		"key -1":                    {"a1 20 00", "start: a key is below zero"},
		"key beyond a signed one":   {"a1 1b ffffffffffffffff 00", "overflows Go's int64"},
		"text key":                  {"a1 6131 40", "start: a key is a text string, want an integer"},
		"byte string key":           {"a1 4131 40", "start: a key is a byte string, want an integer"},
		"array key":                 {"a1 80 00", "start: a key is an array, want an integer"},
		"map key":                   {"a1 a0 00", "start: a key is a map, want an integer"},
		"true key":                  {"a1 f5 00", "start: a key is a simple value or float, want an integer"},
		"unknown key in a terminal": {"a1 06 a2 02 a2 0100 0200 04 00", "start: key 6: unknown key 4"},
		"unknown key in a size":     {"a1 06 a1 02 a3 0100 0200 05 00", "start: key 6: key 2: unknown key 5"},
		"text key in a terminal":    {"a1 06 a2 02 a2 0100 0200 6131 00", "start: key 6: a key is a text string, want an integer"},
		"terminal as null":          {"a1 06 f6", "start: key 6: a simple value or float, want a map"},
		"terminal as an array":      {"a1 06 80", "start: key 6: an array, want a map"},
		"modes as an array":         {"a1 06 a1 03 80", "start: key 6: key 3: an array, want a map"},
		"a mode's number as text":   {"a1 06 a1 03 a1 6131 01", "start: key 6: key 3: a text string, want an unsigned integer"},
		"a mode's value as text":    {"a1 06 a1 03 a1 01 6131", "start: key 6: key 3: a text string, want an unsigned integer"},
		"a mode above 255":          {"a1 06 a1 03 a1 190100 01", "cannot unmarshal"},
		"argv as a string":          {"a1 01 426c73", "start: key 1: a byte string, want an array"},
		"argv as null":              {"a1 01 f6", "start: key 1: a simple value or float, want an array"},
		"a word as text":            {"a1 01 82 41 61 61 61", "start: key 1: element 1: a text string, want a byte string"},
		"a word as null":            {"a1 01 81 f6", "start: key 1: element 0: a simple value or float, want a byte string"},
		"line as text":              {"a1 02 6161", "start: key 2: a text string, want a byte string"},
		"line as null":              {"a1 02 f6", "start: key 2: a simple value or float, want a byte string"},
		"line as an array":          {"a1 02 81 18 61", "start: key 2: an array, want a byte string"},
		"request as numbers":        {"a1 0d 90 00000000000000000000000000000000", "start: key 13: an array, want a byte string"},
		"flag as a number":          {"a1 08 01", "start: key 8: an unsigned integer, want true or false"},
		"flag as null":              {"a1 08 f6", "start: key 8: a simple value or float, want true or false"},
		"time as a float":           {"a1 09 f9 3c00", "start: key 9: a simple value or float, want an integer"},
		"time as text":              {"a1 09 6131", "start: key 9: a text string, want an integer"},
		"time beyond 63 bits":       {"a1 09 1b ffffffffffffffff", "cannot unmarshal"},
		"on_lost beyond a byte":     {"a1 0c 190100", "cannot unmarshal"},
		"on_lost below zero":        {"a1 0c 20", "start: key 12: a negative integer, want an unsigned integer"},
		"five levels":               {"a1 1840 81 81 81 81 00", "exceeded max nested level 4"},
		"262145 elements":           {"a1 01 9a 00040001", "exceeded max number of elements 262144"},
		"elements beyond memory":    {"a1 01 9b 7fffffffffffffff", "exceeded max number of elements 262144"},
		"513 pairs":                 {"b9 0201", "exceeded max number of key-value pairs 512"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseStart(unhex(t, c.in))
			require.ErrorContains(t, err, c.says)
			require.Regexp(t, `^start: [ -~]+$`, err.Error())
			require.NotContains(t, err.Error(), "frame.")
			require.NotContains(t, err.Error(), "cbor:")
			require.Zero(t, got)
		})
	}
}

func TestStartTakesCBORThatMeansTheSame(t *testing.T) {
	ls := Start{Argv: []string{"ls"}}
	for name, c := range map[string]struct {
		in   string
		want Start
	}{
		"the empty map":              {"a0", Start{}},
		"ls":                         {"a1 01 81 426c73", ls},
		"longer heads than needed":   {"b90001 1801 990001 58026c73", ls},
		"keys in another order":      {"a2 04 412f 01 81 426c73", Start{Argv: []string{"ls"}, Cwd: "/"}},
		"an empty word":              {"a1 01 81 40", Start{Argv: []string{""}}},
		"false said":                 {"a1 08 f4", Start{}},
		"zero said":                  {"a1 09 00", Start{}},
		"key 64":                     {"a2 01 81 426c73 1840 f6", ls},
		"the last key there is":      {"a1 1b 7fffffffffffffff 00", Start{}},
		"keys from 64 of every kind": {"a9 01 81 426c73 1840 01 1841 20 1842 4161 1843 6161 1844 82 01 02 1845 a1 6161 4161 1846 fb 0000000000000000 1847 f7", ls},
		"four levels":                {"a1 1840 81 81 81 00", Start{}},
		"key 64 in a terminal":       {"a1 06 a2 02 a3 0118 18 0218 50 1840 a0 1840 80", Start{Terminal: &Terminal{Size: Size{Rows: 24, Cols: 80}}}},
		"a terminal without a size":  {"a1 06 a0", Start{Terminal: &Terminal{}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseStart(unhex(t, c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestEveryCBORMessageIsHeldToItsShape(t *testing.T) {
	id := " 50 000102030405060708090a0b0c0d0e0f "
	for name, c := range map[string]struct {
		parse func([]byte) error
		in    string
		says  string
	}{
		"two offsets":            {reparseError(ParseStarted), "a2 01" + id + "07 82 00 00", "started: key 7: an array of 2, want 3"},
		"four offsets":           {reparseError(ParseStarted), "a2 01" + id + "07 84 00 00 00 00", "started: key 7: an array of 4, want 3"},
		"offsets as bytes":       {reparseError(ParseStarted), "a2 01" + id + "07 43 000000", "started: key 7: a byte string, want an array"},
		"an offset below zero":   {reparseError(ParseStarted), "a2 01" + id + "07 83 00 00 20", "started: key 7: element 2: a negative integer, want an unsigned integer"},
		"session as numbers":     {reparseError(ParseStarted), "a1 01 90 00000000000000000000000000000000", "started: key 1: an array, want a byte string"},
		"session as text":        {reparseError(ParseStarted), "a1 01 70 30313233343536373839303132333435", "started: key 1: a text string, want a byte string"},
		"epoch as null":          {reparseError(ParseAttach), "a2 01" + id + "02 f6", "attach: key 2: a simple value or float, want an unsigned integer"},
		"a range of one":         {reparseError(ParseAttach), "a2 01" + id + "05 81 00", "attach: key 5: an array of 1, want 2"},
		"a kind below zero":      {reparseError(ParseVerdict), "a1 01 20", "verdict: key 1: a negative integer, want an unsigned integer"},
		"a code as a float":      {reparseError(ParseVerdict), "a2 01 01 02 f9 0000", "verdict: key 2: a simple value or float, want an integer"},
		"a code beyond 63 bits":  {reparseError(ParseVerdict), "a2 01 01 02 1b ffffffffffffffff", "verdict: cannot unmarshal"},
		"survivors over 32 bits": {reparseError(ParseVerdict), "a2 01 01 09 1b 0000000100000000", "verdict: cannot unmarshal"},
		"a network as text":      {reparseError(ParseDial), "a2 01 63746370 02 43613a31", "dial: key 1: a text string, want a byte string"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, c.parse(unhex(t, c.in)), c.says) })
	}
}

func reparseError[M any](parse func([]byte) (M, error)) func([]byte) error {
	return func(p []byte) error { _, err := parse(p); return err }
}

// A field of a type that shape.go does not know is a bug of this package, and loud.
func TestShapeKnowsTheTypesOfAllFields(t *testing.T) {
	for _, m := range []message{Start{}, Started{}, Attach{}, Verdict{}, Dial{}, Connected{}} {
		require.Len(t, fieldsOf(reflect.TypeOf(m)), reflect.TypeOf(m).NumField(), "a field of %T has no key", m)
	}
	require.PanicsWithValue(t, "frame: no message has a field of type float64", func() {
		_, _ = checkShape([]byte{0}, reflect.TypeFor[float64]())
	})
}

// SEMANTICS 8 lets a START have 256 KiB; what it is full of does not matter.
func TestAStartFullOfTheShortestWordsPasses(t *testing.T) {
	for _, word := range []string{"", "a", "ab"} {
		head := len(Start{Argv: make([]string, 1<<17)}.Append(nil)) - 1<<17
		s := Start{Argv: make([]string, (MaxMessage-head)/(1+len(word)))}
		for i := range s.Argv {
			s.Argv[i] = word
		}
		p := s.Append(nil)
		require.NoError(t, Header{Length: uint32(len(p)), Type: TypeStart, Stream: 1}.Check(MaxMaxFrame))
		require.Greater(t, len(p), MaxMessage-4, "words of %d bytes fill it", len(word))
		var got Start
		var err error
		used := allocated(func() { got, err = ParseStart(p) })
		require.NoError(t, err)
		require.Equal(t, s, got)
		require.Less(t, used, uint64(16<<20), "words of %d bytes", len(word))
	}
}

// What a message claims to hold is not allocated before it is there.
func TestHostileLengthsAllocateNothing(t *testing.T) {
	for _, in := range []string{
		"a1 01 9a 00040000", // as many elements as may be, none there
		"a1 02 5a 7fffffff", // a string of 2 GiB
		"b9 0200",           // 512 pairs
		"a1 01 9a 00040000 9a 00040000 9a 00040000", // the same, nested
		"a1 06 a1 03 b9 0200",
	} {
		p := unhex(t, in)
		var err error
		used := allocated(func() { _, err = ParseStart(p) })
		require.Error(t, err)
		require.Less(t, used, uint64(64<<10), in)
	}
}

// allocated is how many bytes f asked for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDeepNestingBehindASkippedKeyIsRefusedBeforeItIsWalked(t *testing.T) {
	p := append([]byte{0xa1, 0x18, 0x40}, bytes.Repeat([]byte{0x81}, MaxMessage-4)...)
	_, err := ParseStart(append(p, 0))
	require.EqualError(t, err, "start: exceeded max nested level 4")
}

// The 512 pairs of a map are room for every mode and for keys of later versions.
func TestAllModesTogetherPass(t *testing.T) {
	s := Start{Terminal: &Terminal{Term: "xterm", Modes: make(map[uint8]uint32, 256)}}
	for i := range 256 {
		s.Terminal.Modes[uint8(i)] = uint32(i) << 24
	}
	got, err := ParseStart(s.Append(nil))
	require.NoError(t, err)
	require.Equal(t, s, got)
}

func TestEncodingIsDeterministic(t *testing.T) {
	first := fullStart().Append(nil)
	for range 50 { // Go draws a map's order anew each time
		require.Equal(t, first, fullStart().Append(nil))
	}
}

// readHead agrees with RFC 8949 section 3 on every width.
func TestHeadsOfEveryWidth(t *testing.T) {
	for _, v := range []uint64{0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1} {
		for major := range byte(7) {
			for info, width := range map[byte]int{24: 1, 25: 2, 26: 4, 27: 8} {
				if width < 8 && v >= 1<<(8*width) {
					continue
				}
				p := append([]byte{major<<5 | info}, binary.BigEndian.AppendUint64(nil, v)[8-width:]...)
				gotMajor, arg, body := readHead(append(p, "rest"...))
				require.Equal(t, major, gotMajor)
				require.Equal(t, v, arg)
				require.Equal(t, "rest", string(body))
			}
		}
	}
	require.True(t, strings.HasPrefix(mismatch(majorText, "x").Error(), "a text string"))
}
