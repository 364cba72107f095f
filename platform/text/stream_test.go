package text

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inPieces writes p in pieces that end at cuts, ascending.
func inPieces(t testing.TB, e Encoding, p []byte, cuts ...int) string {
	t.Helper()
	var out bytes.Buffer
	w := e.NewWriter(&out)
	from := 0
	for _, cut := range append(cuts, len(p)) {
		if n, err := w.Write(p[from:cut]); err != nil || n != cut-from {
			t.Fatalf("%d of %d bytes written, %v", n, cut-from, err)
		}
		from = cut
	}
	require.NoError(t, w.Close())
	return out.String()
}

// bytewise cuts everywhere.
func bytewise(n int) []int {
	cuts := make([]int, max(n-1, 0))
	for i := range cuts {
		cuts[i] = i + 1
	}
	return cuts
}

func TestSem37_EverySplitGivesTheWholesResult(t *testing.T) {
	for _, name := range []string{"gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "cp437", "cp1252", "utf-8", "raw"} {
		for _, e := range []Encoding{named(t, name), auto(t, name)} {
			for _, text := range append(slices.Clone(hard), allSamples()) {
				p := []byte(text)
				want := string(e.Decode(p))
				for cut := range p {
					require.Equal(t, want, inPieces(t, e, p, cut), "%s %x cut at %d", e.Name(), p, cut)
				}
				require.Equal(t, want, inPieces(t, e, p, bytewise(len(p))...), "%s %x bytewise", e.Name(), p)
			}
		}
	}
}

func allSamples() string {
	var b strings.Builder
	for _, s := range samples {
		b.WriteString(s.bytes + "\n")
	}
	return b.String()
}

// pairs are all codes of two bytes, each with neighbours; four are GB18030's of four bytes, and near ones.
func pairs() []byte {
	var p []byte
	for c := 0x80; c <= 0xFF; c++ {
		for c1 := 0x20; c1 <= 0xFF; c1++ {
			p = append(p, 'a', byte(c), byte(c1), 'b', byte(c), byte(c1), byte(c), '\n')
		}
	}
	return p
}

func four() []byte {
	var p []byte
	for c := 0x80; c <= 0xFF; c += 5 {
		for c1 := 0x2F; c1 <= 0x3A; c1++ {
			for _, c2 := range []byte{0x0A, 0x30, 0x7F, 0x80, 0x81, 0x9C, 0xFE, 0xFF} {
				for _, c3 := range []byte{0x0A, 0x2F, 0x30, 0x35, 0x39, 0x3A, 0x81, 0xFF} {
					p = append(p, byte(c), byte(c1), c2, c3, '.')
				}
			}
		}
		p = append(p, '\n')
	}
	for i := 0; i < 39420; i += 7 {
		p = append(p, fourBytes(i)...)
	}
	for i := 189000; i < 189000+0x100000; i += 997 {
		p = append(p, fourBytes(i)...)
	}
	return append(p, '\n')
}

// fourBytes is GB18030's code of four bytes with that number.
func fourBytes(i int) []byte {
	return []byte{byte(0x81 + i/12600), byte('0' + i/1260%10), byte(0x81 + i/10%126), byte('0' + i%10)}
}

func TestSem37_AllCodesByteByByteAndInRandomPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(37, 1))
	for _, name := range []string{"gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"} {
		for _, e := range []Encoding{named(t, name), auto(t, name)} {
			for _, p := range [][]byte{pairs(), four()} {
				want := string(e.Decode(p))
				require.True(t, want == inPieces(t, e, p, bytewise(len(p))...), "%s bytewise", e.Name())
				for range 5 {
					var cuts []int
					for at := 0; at < len(p); at += 1 + random.IntN(1+random.IntN(9000)) {
						cuts = append(cuts, at)
					}
					require.True(t, want == inPieces(t, e, p, cuts...), "%s random", e.Name())
				}
			}
		}
	}
}

func TestSem37_FourByteRangesAreWhatGB18030Says(t *testing.T) {
	e := named(t, "gb18030")
	for i := 189000; i < 189000+0x100000; i += 331 {
		require.Equal(t, string(rune(0x10000+i-189000)), string(e.Decode(fourBytes(i))))
	}
	for code, r := range map[int]rune{0: 0x80, 7457: 0x1E3F, 39417: 0xFFFD, 39419: 0xFFFF} {
		assert.Equal(t, string(r), string(e.Decode(fourBytes(code))), code)
		back, err := e.Encode([]byte(string(r)))
		require.NoError(t, err)
		assert.Equal(t, string(r), string(e.Decode(back)), code)
	}
}

// stutter gives its pieces one Read at a time.
type stutter struct {
	pieces [][]byte
	err    error
}

func (s *stutter) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, s.err
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func TestSem40_InputIsEncodedWhereverItIsCut(t *testing.T) {
	for _, s := range samples {
		e := named(t, s.name)
		text := []byte(s.text + " ASCII\n" + s.text)
		want := s.bytes + " ASCII\n" + s.bytes
		for cut := range text {
			got, err := io.ReadAll(e.NewReader(&stutter{[][]byte{text[:cut:cut], text[cut:]}, io.EOF}, nil))
			require.NoError(t, err)
			require.Equal(t, want, string(got), "%s cut at %d", s.name, cut)
		}
		var single [][]byte
		for i := range text {
			single = append(single, text[i:i+1:i+1])
		}
		small, err := io.ReadAll(oneByte{e.NewReader(&stutter{single, io.EOF}, nil)})
		require.NoError(t, err)
		assert.Equal(t, want, string(small), s.name)
	}
}

// oneByte reads one byte at a time.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestSem40_PipedInputStopsAtWhatCannotBeEncoded(t *testing.T) {
	e := named(t, "gbk")
	for _, c := range []struct {
		text, want string
		offset     int64
	}{
		{"目录 é\n😀 x", "\xc4\xbf\xc2\xbc \xa8\xa6\n", 10},
		{strings.Repeat("x", 70000) + "😀", strings.Repeat("x", 70000), 70000},
		{"目\xe7\x9b", "\xc4\xbf", 3},
		{"\xff", "", 0},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.text), oneByte{strings.NewReader(c.text)}} {
			in := e.NewReader(r, nil)
			got, err := io.ReadAll(in)
			var lost *EncodeError
			require.ErrorAs(t, err, &lost)
			assert.Equal(t, c.offset, lost.Offset)
			assert.Equal(t, c.want, string(got), "what came before it arrives")
			_, again := in.Read(make([]byte, 9))
			assert.Equal(t, err, again, "and it stays stopped")
		}
	}
}

func TestSem40_TypedInputLeavesOutWhatCannotBeEncoded(t *testing.T) {
	e := auto(t, "gbk")
	var dropped []string
	in := e.NewReader(oneByte{strings.NewReader("echo 目😀录\xff?\n\xe7")}, func(lost *EncodeError) { dropped = append(dropped, lost.Error()) })
	got, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Equal(t, "echo \xc4\xbf\xc2\xbc?\n", string(got))
	assert.Equal(t, []string{
		`"😀" (U+1F600) at byte 8 has no place in gbk`,
		"byte 15, 0xFF, is not UTF-8, so it cannot be converted to gbk",
		"byte 18, 0xE7, is not UTF-8, so it cannot be converted to gbk",
	}, dropped)
}

func TestReaderPassesErrorsOnBehindWhatCame(t *testing.T) {
	in := named(t, "gbk").NewReader(&stutter{[][]byte{[]byte("目"), []byte("ab")}, io.ErrUnexpectedEOF}, nil)
	got, err := io.ReadAll(in)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "\xc4\xbfab", string(got))
	raw := Encoding{}.NewReader(strings.NewReader("\xff"), nil)
	got, err = io.ReadAll(raw)
	require.NoError(t, err)
	assert.Equal(t, "\xff", string(got))
	n, err := in.Read(nil)
	assert.Zero(t, n)
	assert.NoError(t, err)
}
