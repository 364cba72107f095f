package text

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func named(t testing.TB, name string) Encoding {
	t.Helper()
	e, err := Lookup(name)
	require.NoError(t, err)
	return e
}

// auto is what auto means on a host that speaks name.
func auto(t testing.TB, name string) Encoding {
	t.Helper()
	e, err := For(Auto, name)
	require.NoError(t, err)
	return e
}

func TestEveryEncodingReadsAndWritesRealText(t *testing.T) {
	covered := map[string]bool{}
	for _, s := range samples {
		e := named(t, s.name)
		covered[s.name] = true
		assert.Equal(t, s.text, string(e.Decode([]byte(s.bytes))), s.name)
		back, err := e.Encode([]byte(s.text))
		require.NoError(t, err, s.name)
		assert.Equal(t, s.bytes, string(back), s.name)
		assert.Equal(t, s.text, string(auto(t, s.name).Decode([]byte(s.bytes))), "auto %s", s.name)
		assert.Equal(t, "目录", string(auto(t, s.name).Decode([]byte("目录"))), "auto %s", s.name)
	}
	for name := range xtextCharmaps {
		assert.True(t, covered[name], name)
	}
	for name, upper := range ownCharmaps {
		assert.True(t, covered[name], name)
		assert.Equal(t, 0x80, utf8.RuneCountInString(upper), name)
	}
}

func TestWhatIsEncodedIsReadBackAsItWas(t *testing.T) {
	for _, s := range samples {
		e := named(t, s.name)
		last := rune(0x2FFFF) // GB18030 is computed from there on
		if _, single := e.codec.(*singleByte); single {
			last = 0xFFFF
		}
		for r := rune(0x80); r <= last; r++ {
			p := []byte(string(r))
			if !utf8.ValidRune(r) {
				continue
			}
			out, err := e.Encode(p)
			if s.name == "gb18030" && !private(r) {
				require.NoError(t, err, "GB18030 has every character")
			}
			if err == nil && string(e.Decode(out)) != string(p) {
				require.Equal(t, string(p), string(e.Decode(out)), "%s %U, written as %x", s.name, r, out)
			}
		}
	}
}

func TestEveryTwoByteCodeOfGBKComesBackAsItWas(t *testing.T) {
	for _, name := range []string{"gbk", "gb18030"} {
		e := named(t, name)
		count := 0
		for c := 0x81; c <= 0xFE; c++ {
			for c1 := 0x40; c1 <= 0xFE; c1++ {
				if c1 == 0x7F {
					continue
				}
				code := []byte{byte(c), byte(c1)}
				text := e.Decode(code)
				require.Equal(t, 1, utf8.RuneCount(text), "%x", code)
				require.NotEqual(t, replacement, string(text), "%x", code)
				back, err := e.Encode(text)
				require.NoError(t, err, "%x", code)
				switch {
				case bytes.Equal(back, code):
					count++
				case bytes.Equal(code, []byte{0xA3, 0xA0}):
					assert.Equal(t, "\u3000", string(text), "a second ideographic space, which GB 18030-2005 made of a cell for users")
				default:
					assert.Equal(t, "gbk a2e3 80", name+" a2e3 "+"80", "%x comes back as %x", code, back)
					assert.Equal(t, "€", string(text))
				}
			}
		}
		assert.GreaterOrEqual(t, count, 126*190-2, name)
	}
}

func TestPrivateCharactersStandWhereGB18030HasThem(t *testing.T) {
	for code, r := range map[string]rune{
		"\xaa\xa1": 0xE000, "\xaf\xfe": 0xE233, "\xf8\xa1": 0xE234, "\xfe\xfe": 0xE4C5, "\xa1\x40": 0xE4C6, "\xa1\x7e": 0xE504,
		"\xa1\x80": 0xE505, "\xa1\xa0": 0xE525, "\xa2\x40": 0xE526, "\xa3\x9f": 0xE5E4, "\xa4\x40": 0xE5E6, "\xa7\xa0": 0xE765,
		"\xa2\xab": 0xE766, "\xa9\xa3": 0xE800, "\xa9\x97": 0xE7F4, "\xfe\xa0": 0xE864,
	} {
		for _, name := range []string{"gbk", "gb18030"} {
			assert.Equal(t, string(r), string(named(t, name).Decode([]byte(code))), "%s %x", name, code)
		}
	}
}

func TestASCIIBehindHalfACharacterStaysWhatItIs(t *testing.T) {
	for name, cases := range map[string][]string{
		"gbk":       {"\xc4\n", "\ufffd\n", "\x81\x1b[m", "\ufffd\x1b[m", "\xff\xff", "\ufffd\ufffd", "\xc4\x7f", "\ufffd\x7f", "\x81\x300", "\ufffd00", "\xc4\xff!", "\ufffd!", "\x80", "€"},
		"gb18030":   {"\x81\x30\n", "\ufffd0\n", "\x81\x30\x81\n", "\ufffd0\ufffd\n", "\x81\x3a", "\ufffd:", "\xfe\x39\xfe\x39", "\ufffd", "\x81\x30\x81\x41", "\ufffd0丄", "\x84\x31\xa4\x37", "\ufffd"},
		"big5":      {"\x81a", "\ufffda", "\xa1\x7f", "\ufffd\x7f", "\xa1\x80\n", "\ufffd\n"},
		"shift_jis": {"\x82\n", "\ufffd\n", "\xa0", "\ufffd", "\x80", "\u0080"},
		"euc-jp":    {"\x8f\xb0\n", "\ufffd\n", "\x8f\n", "\ufffd\n", "\x8f\xb0\x80\n", "\ufffd\n", "\x8e\n", "\ufffd\n"},
		"euc-kr":    {"\xc1\n", "\ufffd\n", "\xc1[", "\ufffd["},
		"cp857":     {"\xd5A", "\ufffdA"},
	} {
		for i := 0; i < len(cases); i += 2 {
			assert.Equal(t, cases[i+1], string(named(t, name).Decode([]byte(cases[i]))), "%s %x", name, cases[i])
		}
	}
}

func TestSem39_HalfACharacterAtTheEndIsOneReplacement(t *testing.T) {
	for _, c := range []struct{ name, bytes, want string }{
		{"gbk", "\xc4\xbf\xc2", "目\ufffd"}, {"gb18030", "\x81", "\ufffd"}, {"gb18030", "\x81\x30", "\ufffd"},
		{"gb18030", "\x81\x30\x81", "\ufffd"}, {"euc-jp", "\x8f", "\ufffd"}, {"euc-jp", "\x8f\xb0", "\ufffd"}, {"big5", "\xa5\xd8\xbf", "目\ufffd"},
	} {
		assert.Equal(t, c.want, string(named(t, c.name).Decode([]byte(c.bytes))), "%s %x", c.name, c.bytes)
		assert.Equal(t, c.want, string(auto(t, c.name).Decode([]byte(c.bytes))), "auto %s %x", c.name, c.bytes)
	}
	gbk := auto(t, "gbk")
	assert.Equal(t, "目\ufffd", string(gbk.Decode([]byte("目\xe5\xbd"))), "half a character of UTF-8")
	assert.Equal(t, "鐩", string(gbk.Decode([]byte("\xe7\x9b"))), "which is a whole one in GBK, with no UTF-8 before it")
}

func TestSem40_WhatCannotBeEncodedIsNamedWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, text string
		offset     int64
		says       string
	}{
		{"gbk", "dir 目录 😀", 11, `"😀" (U+1F600) at byte 11 has no place in gbk`},
		{"gbk", "\u200b", 0, "U+200B at byte 0 has no place in gbk"},
		{"cp437", "目", 0, `"目" (U+76EE) at byte 0 has no place in cp437`},
		{"gb18030", "目\xff", 3, "byte 3, 0xFF, is not UTF-8, so it cannot be converted to gb18030"},
		{"gb18030", "目\xe7\x9b", 3, "byte 3, 0xE7, is not UTF-8, so it cannot be converted to gb18030"},
		{"shift_jis", "¥", 0, `"¥" (U+00A5) at byte 0 has no place in shift_jis`},
		{"cp1252", replacement, 0, `"` + replacement + `" (U+FFFD) at byte 0 has no place in cp1252`},
		{"cp857", replacement, 0, `"` + replacement + `" (U+FFFD) at byte 0 has no place in cp857`},
	} {
		out, err := named(t, c.name).Encode([]byte(c.text))
		assert.Nil(t, out)
		var lost *EncodeError
		require.ErrorAs(t, err, &lost, c.text)
		assert.Equal(t, c.offset, lost.Offset)
		assert.EqualError(t, err, c.says)
	}
	out, err := named(t, "gb18030").Encode([]byte(replacement))
	require.NoError(t, err)
	assert.Equal(t, "\x84\x31\xa4\x37", string(out), "a replacement character that was there is a character")
}

func TestWhatNeedsNoConversionIsNotCopied(t *testing.T) {
	p := []byte("plain \xff")
	for _, name := range []string{"raw", "utf-8"} {
		e := named(t, name)
		assert.True(t, e.Identity())
		assert.Same(t, &p[0], &e.Decode(p)[0])
		back, err := e.Encode(p)
		require.NoError(t, err)
		assert.Same(t, &p[0], &back[0])
	}
	ascii := []byte("plain")
	assert.Same(t, &ascii[0], &named(t, "gbk").Decode(ascii)[0])
	assert.Equal(t, "raw", Encoding{}.Name())
}

func TestForSaysWhatAChoiceMeansOnAHost(t *testing.T) {
	for _, c := range []struct{ choice, host, want string }{
		{"", "gbk", "auto gbk"}, {"auto", "cp936", "auto gbk"}, {"auto", "utf-8", "utf-8"}, {"", "", "raw"}, {"auto", "", "raw"},
		{"raw", "gbk", "raw"}, {"gb18030", "utf-8", "gb18030"}, {"CP936", "", "gbk"}, {"utf8", "gbk", "utf-8"}, {"", "raw", "raw"},
	} {
		e, err := For(c.choice, c.host)
		require.NoError(t, err)
		assert.Equal(t, c.want, e.Name(), "%q on %q", c.choice, c.host)
	}
	for _, host := range []string{"koi8-t", "auto", strings.Repeat("x", 1000)} {
		e, err := For("", host)
		assert.True(t, e.Identity())
		assert.ErrorContains(t, err, "which is not known here")
		assert.Less(t, len(err.Error()), 200)
	}
	_, err := For("gbq", "utf-8")
	assert.ErrorContains(t, err, `encoding "gbq" is not known: want auto, raw, utf-8, gbk`)
	_, err = Lookup("auto")
	assert.Error(t, err)
}
