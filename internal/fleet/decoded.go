package fleet

import (
	"errors"
	"io"
	"sync"

	"rexec/frame"
	"rexec/platform/text"
)

// Decoded makes UTF-8 of each host's output for another View.
type Decoded struct {
	next View
	used sync.Map // string by a Host's Name: what its output is read as
}

// NewDecoded decodes by what each Host's Encoding says.
func NewDecoded(next View) *Decoded { return &Decoded{next: next} }

// Started is View's.
func (d *Decoded) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	enc, err := text.For(h.Encoding, info.Encoding)
	d.used.Store(h.Name, enc.Name())
	if err != nil { // its bytes are shown as they come
		told := *info
		told.Note = err.Error()
		if info.Note != "" {
			told.Note = info.Note + "; " + told.Note
		}
		info = &told
	}
	stdout, stderr = d.next.Started(h, info)
	if enc.Identity() {
		return stdout, stderr
	}
	return &decoding{enc.NewWriter(stdout), stdout}, &decoding{enc.NewWriter(stderr), stderr}
}

// Ended is View's.
func (d *Decoded) Ended(r Result) {
	if name, ok := d.used.Load(r.Host.Name); ok {
		r.Status.TextOut, _ = name.(string)
		r.Status.TextErr = r.Status.TextOut
	}
	d.next.Ended(r)
}

// decoding is a Sink before another.
type decoding struct {
	*text.Writer
	next Sink
}

// End hands on what is held of a line.
func (d *decoding) End() error { return errors.Join(d.Close(), d.next.End()) }

// encoded is a command's stdin in the host's encoding, which is known when the command has begun: until then a Read
// waits. What has no place in the encoding ends the command, and the error says where it stands.
type encoded struct {
	choice  string
	src     io.Reader
	begun   <-chan struct{} // closed when info may be asked, or nothing will begin any more
	info    func() *frame.Started
	encoder io.Reader // the reader's; nil before the first Read
}

func (e *encoded) Read(p []byte) (int, error) {
	if e.encoder == nil {
		<-e.begun
		e.encoder = e.src
		if info := e.info(); info != nil {
			if enc, err := text.For(e.choice, info.Encoding); err == nil && !enc.Identity() {
				e.encoder = enc.NewReader(e.src, nil)
			}
		}
	}
	return e.encoder.Read(p)
}
