package text

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// common are the 3755 characters of GB 2312's first level, which make up nearly all that is written, in GBK.
func common() [][]byte {
	var all [][]byte
	for c := 0xB0; c <= 0xD7; c++ {
		for c1 := 0xA1; c1 <= 0xFE; c1++ {
			if c == 0xD7 && c1 > 0xF9 {
				break
			}
			all = append(all, []byte{byte(c), byte(c1)})
		}
	}
	return all
}

func TestSem41_NoLineOfCommonCharactersIsMisread(t *testing.T) {
	characters := common()
	require.Len(t, characters, 3755)
	host, perLine := named(t, "gbk"), auto(t, "gbk")
	twoBytes := 0
	check := func(line []byte) {
		if want, got := host.Decode(line), perLine.Decode(line); !bytes.Equal(want, got) {
			require.Equal(t, string(want), string(got), "%x", line)
		}
	}
	for _, c := range characters {
		check(append(c[:2:2], '\n'))
		if utf8.Valid(c) {
			twoBytes++
		}
	}
	assert.Greater(t, twoBytes*100, len(characters)*15, "a rule that believes in sequences of two would misread as many: %d", twoBytes)
	random := rand.New(rand.NewPCG(41, 1))
	var line []byte
	for range 200_000 {
		line = line[:0]
		for range 1 + random.IntN(8) {
			line = append(line, characters[random.IntN(len(characters))]...)
			if random.IntN(4) == 0 {
				line = append(line, ' ')
			}
		}
		check(append(line, '\n'))
	}
}

func TestSem41_NoLineOfUTF8IsMisread(t *testing.T) {
	perLine := auto(t, "gbk")
	random := rand.New(rand.NewPCG(41, 2))
	var line []byte
	for range 100_000 {
		line = line[:0]
		for range 1 + random.IntN(12) {
			line = utf8.AppendRune(line, rune(0x4E00+random.IntN(0x5200)))
			if random.IntN(4) == 0 {
				line = append(line, "C:\\ ~"...)
			}
		}
		if line = append(line, '\n'); !bytes.Equal(line, perLine.Decode(line)) {
			require.Equal(t, string(line), string(perLine.Decode(line)))
		}
	}
}

func TestSem43_NoTrailByteIsTakenForSyntaxBehindTheDecoder(t *testing.T) {
	e := named(t, "gbk")
	for c := 0x81; c <= 0xFE; c++ {
		for _, c1 := range []byte("\\|{}~@[]^_`") {
			text := e.Decode([]byte{0x1b, byte(c), c1, '!'})
			require.Equal(t, byte(0x1b), text[0])
			require.Equal(t, byte('!'), text[len(text)-1])
			require.Equal(t, 3, utf8.RuneCount(text), "%x %x", c, c1)
			require.False(t, bytes.ContainsRune(text, rune(c1)), "%x %x became %q", c, c1, text)
		}
	}
}
