package text

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// codec turns characters into UTF-8 and back. It has no state: what a read cut in two is its caller's to keep. In every
// codec here ASCII bytes stand for themselves, and LF and CR are never part of a longer character.
type codec interface {
	// decode appends p as UTF-8 to dst, a U+FFFD for each malformed character; an ASCII byte behind half a character
	// stays what it is. p[n:], at most 3 bytes, begins a character that p does not end.
	decode(dst, p []byte) (out []byte, n int)
	// encode appends the one non-ASCII character whose UTF-8 is p. ok is false where there is none for it.
	encode(dst, p []byte) (out []byte, ok bool)
}

// kind is what a byte above 0x7F begins.
type kind uint8

const (
	bad    kind = 0 // nothing
	single kind = 1 // a character of one byte
	lead   kind = 2 // a character of two
	lead4  kind = 3 // a character of two, or where a digit follows of four (GB18030)
	lead3  kind = 4 // a character of three (EUC-JP)
)

// Pairs' second bytes are 0x40 to 0xFF.
const (
	firstTrail = 0x40
	trails     = 0x100 - firstTrail
)

// table decodes encodings of one and two bytes; longer characters it leaves to long. Characters are stored as UTF-8 of at
// most four bytes, the first in the lowest bits; 0 is none. A few of Big5's are two code points.
type table struct {
	kinds   [0x80]kind
	singles [0x80]uint32
	pairs   []uint32 // [first byte - 0x80][second byte - firstTrail]; nil: no pairs

	long transform.Transformer // decodes characters of three and four bytes

	encoder transform.Transformer // takes one character
	own     []zone                // of pairs that neither long nor encoder knows
}

const (
	replacement       = "�"
	replacementPacked = 0xBDBFEF
)

func packed(p []byte) uint32 {
	var four [4]byte
	copy(four[:], p)
	return binary.LittleEndian.Uint32(four[:])
}

func (t *table) pair(c, c1 byte) uint32 { return t.pairs[int(c-0x80)*trails+int(c1-firstTrail)] }

// decode implements codec. Malformed characters end as in the WHATWG's Encoding Standard: half a character takes one
// byte if the second could stand alone as ASCII, and two otherwise.
func (t *table) decode(dst, p []byte) ([]byte, int) {
	const most = 3 // bytes that one byte becomes
	dst = slices.Grow(dst, most*len(p)+8)
	out, n, i := dst[len(dst):cap(dst)], 0, 0
	for i < len(p) {
		c := p[i]
		if c < utf8.RuneSelf {
			if i+8 <= len(p) {
				if eight := binary.LittleEndian.Uint64(p[i:]); eight&highBits == 0 {
					binary.LittleEndian.PutUint64(out[n:], eight)
					i, n = i+8, n+8
					continue
				}
			}
			out[n] = c
			i, n = i+1, n+1
			continue
		}
		k, e, size := t.kinds[c-0x80], uint32(0), 1
		switch {
		case k == single:
			e = t.singles[c-0x80]
		case k == bad:
		case i+1 == len(p):
			return dst[:len(dst)+n], i
		case k == lead3 || k == lead4 && isDigit(p[i+1]):
			var whole bool
			if e, size, whole = t.longer(k, p[i:], out[n:]); !whole {
				return dst[:len(dst)+n], i
			}
		case p[i+1] >= firstTrail:
			e = t.pair(c, p[i+1])
			if e != 0 || p[i+1] >= utf8.RuneSelf {
				size = 2
			}
		}
		if e == 0 {
			n += copy(out[n:], replacement)
		} else {
			binary.LittleEndian.PutUint32(out[n:], e)
			n += (bits.Len32(e) + 7) / 8
		}
		i += size
	}
	return dst[:len(dst)+n], i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// longer decodes a character of three or four bytes of which at least two are there, with room to work in. e is 0 where it
// is malformed.
func (t *table) longer(k kind, p, room []byte) (e uint32, size int, whole bool) {
	high := func(c byte) bool { return 0xA1 <= c && c <= 0xFE }
	size = 3
	if k == lead4 {
		high = func(c byte) bool { return 0x81 <= c && c <= 0xFE }
		size = 4
	}
	for i := 1; i < size; i++ {
		switch {
		case i == len(p):
			return 0, 0, false
		case k == lead4 && i%2 == 0 && !high(p[i]), k == lead4 && i%2 == 1 && !isDigit(p[i]):
			return 0, 1, true
		case k == lead3 && !high(p[i]) && p[i] < utf8.RuneSelf:
			return 0, i, true
		case k == lead3 && !high(p[i]):
			return 0, i + 1, true
		}
	}
	n, _, err := t.long.Transform(room, p[:size], true)
	if r, one := utf8.DecodeRune(room[:n]); err == nil && one == n && (r != utf8.RuneError || bytes.Equal(p[:size], replacement18030)) {
		e = packed(room[:n])
	}
	return e, size, true
}

// replacement18030 is U+FFFD itself.
var replacement18030 = []byte{0x84, 0x31, 0xA4, 0x37}

// encode implements codec.
func (t *table) encode(dst, p []byte) ([]byte, bool) {
	r, _ := utf8.DecodeRune(p)
	if private(r) {
		for _, z := range t.own {
			if c, c1, ok := z.code(r); ok {
				return append(dst, c, c1), true
			}
		}
	}
	dst = slices.Grow(dst, 8)
	n, _, err := t.encoder.Transform(dst[len(dst):cap(dst)], p, true)
	if err == nil && private(r) { // x/text's GB 18030 has codes of other characters for some
		back, _ := t.decode(nil, dst[len(dst):len(dst)+n])
		if !bytes.Equal(back, p) {
			return dst, false
		}
	}
	return dst[:len(dst)+n], err == nil
}

// private reports whether r is of the Basic Multilingual Plane's private use area.
func private(r rune) bool { return 0xE000 <= r && r <= 0xF8FF }

// newTable reads an encoding's characters of one and two bytes off its decoder.
func newTable(e encoding.Encoding, own []zone) *table {
	t := &table{pairs: make([]uint32, 0x80*trails), long: e.NewDecoder().Transformer, encoder: e.NewEncoder().Transformer, own: own}
	var row, out []byte
	for i := range t.kinds {
		c := byte(0x80 + i)
		out = decodeAll(t.long, out, []byte{c})
		if string(out) != replacement {
			t.kinds[i], t.singles[i] = single, packed(out)
			continue
		}
		// The whole row at once, which is what makes this fast; LF never belongs to a pair.
		row = row[:0]
		for c1 := firstTrail; c1 < 0x100; c1++ {
			row = append(row, c, byte(c1), '\n')
		}
		out = decodeAll(t.long, out, row)
		for j, text := 0, out; j < trails; j++ {
			end := bytes.IndexByte(text, '\n')
			if e := packed(text[:min(end, 4)]); e&0xFFFFFF != replacementPacked {
				t.kinds[i], t.pairs[i*trails+j] = lead, e
			}
			text = text[end+1:]
		}
	}
	for _, z := range own {
		for r := z.first; r <= z.last; r++ {
			c, c1, _ := z.code(r)
			t.pairs[int(c-0x80)*trails+int(c1-firstTrail)] = packed([]byte(string(r)))
		}
	}
	return t
}

// decodeAll is all of p, in dst's memory.
func decodeAll(t transform.Transformer, dst, p []byte) []byte {
	dst = slices.Grow(dst[:0], 4*len(p)+16)
	n, _, _ := t.Transform(dst[:cap(dst)], p, true)
	return dst[:n]
}
