package text

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// pick is any encoding, named or auto.
func pick(t testing.TB, which byte) Encoding {
	name := samples[int(which>>1)%len(samples)].name
	if which&1 == 1 {
		return auto(t, name)
	}
	return named(t, name)
}

func FuzzDecodeInPieces(f *testing.F) {
	for i, s := range samples {
		f.Add(byte(2*i), []byte(s.bytes), []byte{1, 2, 3})
		f.Add(byte(2*i+1), []byte(s.bytes+"\n"+s.text), []byte{0, 7, 1})
	}
	for _, h := range hard {
		f.Add(byte(1), []byte(h), []byte{1})
	}
	f.Fuzz(func(t *testing.T, which byte, p, steps []byte) {
		e := pick(t, which)
		whole := e.Decode(p)
		if !utf8.Valid(whole) {
			t.Fatalf("%s %x became %x, which is not UTF-8", e.Name(), p, whole)
		}
		if a, b := bytes.Count(p, []byte("\n")), bytes.Count(whole, []byte("\n")); a != b {
			t.Fatalf("%s %x has %d lines, and then %d", e.Name(), p, a, b)
		}
		var cuts []int
		at := 0
		for _, s := range steps {
			if at += int(s); at < len(p) {
				cuts = append(cuts, at)
			}
		}
		if got := inPieces(t, e, p, cuts...); got != string(whole) {
			t.Fatalf("%s %x in pieces at %v: %q, whole: %q", e.Name(), p, cuts, got, whole)
		}
		if got := inPieces(t, e, p, bytewise(len(p))...); got != string(whole) {
			t.Fatalf("%s %x byte by byte: %q, whole: %q", e.Name(), p, got, whole)
		}
	})
}

func FuzzEncodeDecode(f *testing.F) {
	for i, s := range samples {
		f.Add(byte(2*i), s.text)
	}
	f.Add(byte(0), "a\xff")
	f.Fuzz(func(t *testing.T, which byte, text string) {
		e := named(t, samples[int(which)%len(samples)].name)
		out, err := e.Encode([]byte(text))
		if err == nil {
			if back := string(e.Decode(out)); back != text {
				t.Fatalf("%s %q was written as %x and read as %q", e.Name(), text, out, back)
			}
			return
		}
		lost, ok := err.(*EncodeError)
		if !ok || lost.Offset < 0 || lost.Offset >= int64(len(text)) {
			t.Fatalf("%s %q: %v", e.Name(), text, err)
		}
		if _, err := e.Encode([]byte(text[:lost.Offset])); err != nil {
			t.Fatalf("%s %q: %v, and yet %v", e.Name(), text, lost, err)
		}
	})
}

func FuzzName(f *testing.F) {
	for alias := range aliases {
		f.Add(alias)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := Canonical(name)
		if err != nil {
			return
		}
		if again, err := Canonical(c); err != nil || again != c {
			t.Fatalf("%q is %q, which is %q, %v", name, c, again, err)
		}
		if e, err := For(c, ""); err != nil || c != Auto && c != Raw && !strings.Contains(e.Name(), c) {
			t.Fatalf("%q is %q, for which there is %q, %v", name, c, e.Name(), err)
		}
	})
}
