package text

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// block is about what a DATA frame brings.
const block = 64 << 10

func filled(line string) []byte { return []byte(strings.Repeat(line, block/len(line)+1)[:block]) }

// gbkPage is a listing as a Chinese Windows prints it, gbkBook is prose in lines of forty characters.
var (
	gbkPage = "2026/11/21  12:40    <DIR>          \xc4\xbf\xc2\xbc 01\r\n2026/11/21  12:41            23,552 \xcf\xb5\xcd\xb3\xc8\xd5\xd6\xbe.docx\r\n"
	gbkBook = strings.Repeat("\xcf\xb5\xcd\xb3\xd5\xd2\xb2\xbb\xb5\xbd\xd6\xb8\xb6\xa8\xb5\xc4\xc2\xb7\xbe\xb6\xa1\xa3", 4) + "\n"
)

// BenchmarkDecode is what a terminal or --text costs, in bytes of the host's.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name string
		enc  Encoding
		line string
	}{
		{"gbk/book", named(b, "gbk"), gbkBook},
		{"gbk/page", named(b, "gbk"), gbkPage},
		{"gbk/ascii", named(b, "gbk"), "drwxr-xr-x 2 root root 4096 Nov 21 12:35 .ci\n"},
		{"auto/book", auto(b, "gbk"), gbkBook},
		{"auto/page", auto(b, "gbk"), gbkPage},
		{"auto/ascii", auto(b, "gbk"), "drwxr-xr-x 2 root root 4096 Nov 21 12:35 .ci\n"},
		{"auto/utf8", auto(b, "gbk"), strings.Repeat("系统找不到指定的路径。", 4) + "\n"},
		{"auto/one-line", auto(b, "gbk"), "\xcf\xb5\xcd\xb3"},
		{"gb18030/book", named(b, "gb18030"), gbkBook},
		{"gb18030/four", named(b, "gb18030"), "\x815\xf47\x952\x826\x812\xf10\x812\xf48"},
		{"big5/book", named(b, "big5"), strings.Repeat("\xa8t\xb2\xce\xa7\xe4\xa4\xa3\xa8\xec", 8) + "\n"},
		{"cp1251/book", named(b, "cp1251"), "\xcd\xe5 \xf3\xe4\xe0\xe5\xf2\xf1\xff \xed\xe0\xe9\xf2\xe8\n"},
		{"raw", Encoding{}, gbkBook},
		{"utf-8", named(b, "utf-8"), gbkBook},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := filled(c.line)
			w := c.enc.NewWriter(io.Discard)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Write(p); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkEncode is what stdin costs with --text, in bytes of UTF-8.
func BenchmarkEncode(b *testing.B) {
	for _, name := range []string{"gbk", "gb18030", "utf-8"} {
		b.Run(name, func(b *testing.B) {
			p := []byte(strings.Repeat("系统找不到指定的路径。\n", block/34))
			into := make([]byte, block)
			in := bytes.NewReader(p)
			r := named(b, name).NewReader(in, nil)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(p)
				r.err = nil
				for {
					if _, err := r.Read(into); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkFirstUse is what the first conversion of a process costs.
func BenchmarkFirstUse(b *testing.B) {
	for name, make := range map[string]func(){
		"gbk":    func() { newGBK() },
		"cp1252": func() { charmaps("cp1252") },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				make()
			}
		})
	}
}
