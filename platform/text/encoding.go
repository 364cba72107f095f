package text

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// The tables of two-byte encodings, each read once and only if it is used: it takes a good millisecond.
var (
	gbk     = sync.OnceValue(newGBK)
	gb18030 = sync.OnceValue(func() *table {
		t := newTable(simplifiedchinese.GB18030, gbkZones())
		for i := range t.kinds {
			if 0x81 <= 0x80+i && 0x80+i <= 0xFE {
				t.kinds[i] = lead4
			}
		}
		return t
	})
	big5     = sync.OnceValue(func() *table { return newTable(traditionalchinese.Big5, nil) })
	shiftJIS = sync.OnceValue(func() *table { return newTable(japanese.ShiftJIS, nil) })
	eucKR    = sync.OnceValue(func() *table { return newTable(korean.EUCKR, nil) })
	eucJP    = sync.OnceValue(func() *table {
		t := newTable(japanese.EUCJP, nil)
		t.kinds[0x8F-0x80] = lead3
		return t
	})
)

func newGBK() *table { return newTable(simplifiedchinese.GBK, gbkZones()) }

// Encoding is what bytes mean. The zero value is Raw: nothing is converted. An Encoding may be used by any number of
// goroutines.
type Encoding struct {
	name  string // canonical; empty: raw
	codec codec  // nil: bytes pass as they are
	auto  bool   // a line that is UTF-8 and nothing else stays as it is
}

// Lookup gives an encoding, or raw, by any of its names.
func Lookup(name string) (Encoding, error) {
	c, err := Canonical(name)
	if err != nil {
		return Encoding{}, err
	}
	e := Encoding{name: c}
	switch c {
	case Raw:
		return Encoding{}, nil
	case Auto:
		return Encoding{}, fmt.Errorf("encoding %q needs to know what the host speaks", name)
	case UTF8:
	case "gbk":
		e.codec = gbk()
	case "gb18030":
		e.codec = gb18030()
	case "big5":
		e.codec = big5()
	case "shift_jis":
		e.codec = shiftJIS()
	case "euc-jp":
		e.codec = eucJP()
	case "euc-kr":
		e.codec = eucKR()
	default:
		e.codec = charmaps(c)
	}
	return e, nil
}

// For is the encoding that a choice, auto if it is empty, means for a host that speaks host: raw for raw, the one that
// is named, and for auto line by line UTF-8 or the host's. A host that does not say what it speaks is raw; one whose
// encoding is not known here is too, and the error says so.
func For(choice, host string) (Encoding, error) {
	if choice != "" {
		c, err := Canonical(choice)
		if err != nil {
			return Encoding{}, err
		}
		if c != Auto {
			return Lookup(c)
		}
	}
	if host == "" {
		return Encoding{}, nil
	}
	c, ok := canonical(host)
	if !ok || c == Auto {
		return Encoding{}, fmt.Errorf("the host speaks %.40q, which is not known here: its output is shown as it comes; name a known one with --encoding", host)
	}
	e, err := Lookup(c)
	e.auto = e.codec != nil
	return e, err
}

// Name is raw, the encoding's canonical name, or that behind "auto ".
func (e Encoding) Name() string {
	switch {
	case e.name == "":
		return Raw
	case e.auto:
		return Auto + " " + e.name
	}
	return e.name
}

// Identity reports whether bytes pass as they are: for raw and for UTF-8.
func (e Encoding) Identity() bool { return e.codec == nil }

// Decode is all of p as UTF-8; p itself where there is nothing to convert.
func (e Encoding) Decode(p []byte) []byte {
	if e.codec == nil || asciiPrefix(p) == len(p) {
		return p
	}
	d := e.newDecoder()
	return d.end(d.append(nil, p))
}

// Encode is all of p, which is UTF-8, as the host has it; p itself where there is nothing to convert. What cannot be
// encoded is never replaced: it is an *EncodeError.
func (e Encoding) Encode(p []byte) ([]byte, error) {
	if e.codec == nil || asciiPrefix(p) == len(p) {
		return p, nil
	}
	out, n := e.encode(nil, p)
	if n < len(p) {
		return nil, e.lost(p[n:], int64(n))
	}
	return out, nil
}

// encode appends p up to the first character that cannot be encoded, or that p does not end.
func (e Encoding) encode(dst, p []byte) (out []byte, n int) {
	for n < len(p) {
		if k := asciiPrefix(p[n:]); k > 0 {
			dst = append(dst, p[n:n+k]...)
			n += k
			continue
		}
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		more, ok := e.codec.encode(dst, p[n:n+size])
		if !ok {
			break
		}
		dst, n = more, n+size
	}
	return dst, n
}

// lost is the error for the character that p begins with.
func (e Encoding) lost(p []byte, offset int64) *EncodeError {
	r, size := utf8.DecodeRune(p)
	return &EncodeError{Encoding: e.name, Offset: offset, Rune: r, Valid: r != utf8.RuneError || size > 1, Byte: p[0]}
}

// EncodeError says what cannot be encoded, and where it is.
type EncodeError struct {
	Encoding string
	Offset   int64 // in bytes, from the beginning
	Rune     rune
	Valid    bool // it is a character; otherwise Byte is not UTF-8
	Byte     byte
}

func (e *EncodeError) Error() string {
	switch {
	case !e.Valid:
		return fmt.Sprintf("byte %d, 0x%02X, is not UTF-8, so it cannot be converted to %s", e.Offset, e.Byte, e.Encoding)
	case unicode.IsPrint(e.Rune):
		return fmt.Sprintf("%q (%U) at byte %d has no place in %s", string(e.Rune), e.Rune, e.Offset, e.Encoding)
	}
	return fmt.Sprintf("%U at byte %d has no place in %s", e.Rune, e.Offset, e.Encoding)
}

const highBits = 0x8080808080808080

// asciiPrefix is how many ASCII bytes p begins with.
func asciiPrefix(p []byte) int {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		if binary.LittleEndian.Uint64(p[i:])&highBits != 0 {
			break
		}
	}
	for i < len(p) && p[i] < utf8.RuneSelf {
		i++
	}
	return i
}
