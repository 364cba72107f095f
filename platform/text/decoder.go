package text

import "unicode/utf8"

// decoder is an encoding with state across reads.
type decoder interface {
	// append decodes p, behind what came before, onto dst.
	append(dst, p []byte) []byte
	// pause gives what is held back only to be judged with what follows it.
	pause(dst []byte) []byte
	// waits reports whether pause may give something.
	waits() bool
	// end gives all that is held; half a character becomes one U+FFFD.
	end(dst []byte) []byte
	// clean reports whether nothing is held, so that ASCII can pass by.
	clean() bool
}

func (e Encoding) newDecoder() decoder {
	if e.auto {
		return &lines{codec: e.codec}
	}
	return &plainDecoder{codec: e.codec}
}

// plainDecoder holds at most the beginning of one character.
type plainDecoder struct {
	codec codec
	begun []byte
}

func (d *plainDecoder) append(dst, p []byte) []byte {
	for len(d.begun) > 0 && len(p) > 0 {
		var n int
		d.begun = append(d.begun, p[0])
		dst, n = d.codec.decode(dst, d.begun)
		d.begun = append(d.begun[:0], d.begun[n:]...)
		p = p[1:]
	}
	dst, n := d.codec.decode(dst, p)
	d.begun = append(d.begun, p[n:]...)
	return dst
}

func (d *plainDecoder) pause(dst []byte) []byte { return dst }
func (d *plainDecoder) waits() bool             { return false }
func (d *plainDecoder) clean() bool             { return len(d.begun) == 0 }

func (d *plainDecoder) end(dst []byte) []byte {
	if len(d.begun) > 0 {
		d.begun = d.begun[:0]
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}
