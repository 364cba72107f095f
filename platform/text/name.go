package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Names that stand for no table.
const (
	Auto = "auto" // UTF-8 where a line is nothing else, otherwise what the host speaks
	Raw  = "raw"  // the bytes as they are
	UTF8 = "utf-8"
)

// codePages are the Windows code pages that have a name of their own here; the others are cpNNN. Those of EBCDIC, UTF-16
// and UTF-7, and those that switch by escape sequences, are no console's.
var codePages = []struct {
	page uint32
	name string
}{
	{936, "gbk"}, {20936, "gbk"}, {51936, "gbk"}, // GB 2312 is a part of GBK
	{54936, "gb18030"},
	{950, "big5"}, {951, "big5"},
	{932, "shift_jis"}, {943, "shift_jis"},
	{20932, "euc-jp"}, {51932, "euc-jp"},
	{949, "euc-kr"}, {51949, "euc-kr"},
	{65001, UTF8}, {20127, UTF8},
	{28591, "iso-8859-1"}, {28592, "iso-8859-2"}, {28593, "iso-8859-3"}, {28594, "iso-8859-4"}, {28595, "iso-8859-5"},
	{28596, "iso-8859-6"}, {28597, "iso-8859-7"}, {28598, "iso-8859-8"}, {38598, "iso-8859-8"}, {28599, "iso-8859-9"},
	{28600, "iso-8859-10"}, {28601, "cp874"}, {28603, "iso-8859-13"}, {28604, "iso-8859-14"}, {28605, "iso-8859-15"},
	{20866, "koi8-r"}, {21866, "koi8-u"},
	{10000, "macintosh"}, {10007, "x-mac-cyrillic"},
}

// numbered are the code pages known as cpNNN.
var numbered = []uint32{
	437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874,
	1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258,
}

// ForCodePage is the name of what a Windows code page is, by its number. ok is false for one that is not known here.
func ForCodePage(page uint32) (name string, ok bool) {
	for _, c := range codePages {
		if c.page == page {
			return c.name, true
		}
	}
	for _, n := range numbered {
		if n == page {
			return "cp" + strconv.FormatUint(uint64(n), 10), true
		}
	}
	return "", false
}

// aliases are what C libraries, browsers and people call them, in the spelling of plain.
var aliases = map[string]string{
	"auto": Auto, "raw": Raw, "binary": Raw,
	"utf8": UTF8, "ascii": UTF8, "usascii": UTF8, "ansix341968": UTF8, "646": UTF8,
	"gbk": "gbk", "gb2312": "gbk", "euccn": "gbk", "chinese": "gbk", "gb18030": "gb18030",
	"big5": "big5", "big5hkscs": "big5",
	"shiftjis": "shift_jis", "sjis": "shift_jis", "windows31j": "shift_jis", "mskanji": "shift_jis", "eucjp": "euc-jp", "ujis": "euc-jp",
	"euckr": "euc-kr", "uhc": "euc-kr", "ksc56011987": "euc-kr",
	"tis620": "cp874", "iso885911": "cp874",
	"latin1": "iso-8859-1", "latin2": "iso-8859-2", "latin9": "iso-8859-15",
	"koi8r": "koi8-r", "koi8u": "koi8-u", "macintosh": "macintosh", "xmaccyrillic": "x-mac-cyrillic", "maccyrillic": "x-mac-cyrillic",
}

// plain is a name without what people write differently: case and separators.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// Canonical is the one spelling of an encoding's name, of auto or of raw, or an error that says which there are.
func Canonical(name string) (string, error) {
	if c, ok := canonical(name); ok {
		return c, nil
	}
	return "", fmt.Errorf("encoding %.40q is not known: want auto, raw, utf-8, gbk, gb18030, big5, shift_jis, euc-jp, euc-kr, "+
		"iso-8859-1 to 16, koi8-r, koi8-u, or a Windows code page such as cp437 or cp1252", name)
}

func canonical(name string) (string, bool) {
	p := plain(name)
	if c, ok := aliases[p]; ok {
		return c, true
	}
	if part, ok := strings.CutPrefix(p, "iso8859"); ok {
		n, err := strconv.ParseUint(part, 10, 8)
		if c := "iso-8859-" + part; err == nil && n > 0 && charmaps(c) != nil {
			return c, true
		}
		return "", false
	}
	digits := p
	for _, prefix := range []string{"cp", "windows", "win", "ibm", "ms"} {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			digits = rest
			break
		}
	}
	if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
		return ForCodePage(uint32(n))
	}
	return "", false
}
