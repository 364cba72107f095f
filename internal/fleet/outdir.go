package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rexec/frame"
)

// Dir keeps each host's output as it came, in one file a stream: HOST.out and HOST.err. It hands what it keeps on to
// another View, if there is one.
type Dir struct {
	path string
	next View // nil: none
}

// NewDir makes the folder if need be, and tries it: afterwards all may have run for nothing. What an earlier run kept of
// hosts goes, so that what is there of them is this run's, or nothing where a host did not run.
func NewDir(path string, hosts []Host, next View) (*Dir, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, err
	}
	probe, err := os.CreateTemp(path, ".rexec-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, err
	}
	d := &Dir{path: path, next: next}
	for _, h := range hosts {
		for _, ending := range [...]string{".out", ".err"} {
			if err := d.forget(h.Name + ending); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// forget removes a file and nothing else that has its name: create says what it thinks of that.
func (d *Dir) forget(name string) error {
	if !isName(name) {
		return nil
	}
	name = filepath.Join(d.path, name)
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return os.Remove(name)
}

// isName reports whether a file of a folder can be called so.
func isName(name string) bool { return filepath.Base(name) == name && filepath.IsLocal(name) }

// Started is View's.
func (d *Dir) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	files := [2]*file{d.create(h.Name + ".out"), d.create(h.Name + ".err")}
	if d.next != nil {
		files[0].next, files[1].next = d.next.Started(h, info)
	}
	return files[0], files[1]
}

// Ended is View's.
func (d *Dir) Ended(r Result) {
	if d.next != nil {
		d.next.Ended(r)
	}
}

// file is a Sink into a file. What goes wrong is the host's failure, at its next Write or its end.
type file struct {
	f    *os.File // nil: err says why
	err  error
	next Sink // nil: none
}

// create empties the file if it is there.
func (d *Dir) create(name string) *file {
	if !isName(name) {
		return &file{err: fmt.Errorf("host name %q cannot be a file's name", name)}
	}
	f, err := os.Create(filepath.Join(d.path, name))
	return &file{f: f, err: err}
}

func (f *file) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if n, err := f.f.Write(p); err != nil {
		return n, err
	}
	if f.next != nil {
		return f.next.Write(p)
	}
	return len(p), nil
}

// End closes the file: a full disk may say so only then.
func (f *file) End() error {
	err := f.err
	if f.f != nil {
		err = f.f.Close()
	}
	if f.next != nil {
		err = errors.Join(err, f.next.End())
	}
	return err
}

// Nowhere drops output and says error lines, for output that is kept elsewhere.
type Nowhere struct{ *Live }

// Started is View's.
func (n Nowhere) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	n.Live.Started(h, info) // for its note
	return dropped{}, dropped{}
}

type dropped struct{}

func (dropped) Write(p []byte) (int, error) { return len(p), nil }
func (dropped) End() error                  { return nil }
