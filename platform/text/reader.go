package text

import (
	"io"
	"unicode/utf8"
)

// Reader encodes UTF-8 that it reads into what a host reads. It is not for several goroutines.
type Reader struct {
	r    io.Reader
	enc  Encoding
	drop func(*EncodeError)

	buf    []byte // what was read and not yet encoded
	out    []byte // what was encoded and not yet given
	given  int    // of out
	offset int64  // of buf's first byte
	err    error  // comes when out is given
}

// NewReader makes a Reader of r. What cannot be encoded is left out and drop is told of it. With drop nil it is an
// *EncodeError, behind everything that came before it.
func (e Encoding) NewReader(r io.Reader, drop func(*EncodeError)) *Reader {
	return &Reader{r: r, enc: e, drop: drop}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.enc.codec == nil {
		return r.r.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for r.given == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.r.Read(p)
		if len(r.buf) == 0 && asciiPrefix(p[:n]) == n && n > 0 {
			r.offset += int64(n)
			r.err = err
			return n, nil
		}
		r.buf = append(r.buf, p[:n]...)
		r.out, r.given, r.err = r.out[:0], 0, err
		r.encode()
	}
	n := copy(p, r.out[r.given:])
	r.given += n
	return n, nil
}

// encode turns buf into out, up to what may still become a character.
func (r *Reader) encode() {
	for len(r.buf) > 0 {
		var n int
		r.out, n = r.enc.encode(r.out, r.buf)
		r.skip(n)
		if len(r.buf) == 0 || r.err == nil && !utf8.FullRune(r.buf) {
			return
		}
		lost := r.enc.lost(r.buf, r.offset)
		if r.drop == nil {
			r.err, r.buf = lost, r.buf[:0]
			return
		}
		r.drop(lost)
		_, size := utf8.DecodeRune(r.buf)
		r.skip(size)
	}
}

func (r *Reader) skip(n int) {
	r.offset += int64(n)
	r.buf = append(r.buf[:0], r.buf[n:]...)
}
