package sftpserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
)

// Requests that are waited for, those that are answered here, and the answer (draft-ietf-secsh-filexfer-02 sections 3, 6 and 7).
const (
	typeOpen    byte = 3
	typeOpenDir byte = 11

	typeRemove byte = 13
	typeMkdir  byte = 14
	typeRmdir  byte = 15
	typeRename byte = 18
	typeStatus byte = 101
)

// Status codes, section 7.
const (
	statusOK         uint32 = 0
	statusNoSuchFile uint32 = 2
	statusDenied     uint32 = 3
	statusFailure    uint32 = 4
	statusBadMessage uint32 = 5
)

// longest is a request that may be answered here: two paths and attributes.
const longest = 64 << 10

var errBrokenPipe error = syscall.EPIPE

// front is the connection that the library is given. Four kinds of requests never reach it, because it makes every folder
// 0755 whatever mode was asked for, removes folders as files and files as folders, and renames over what is there.
//
// Answers keep the order of requests: such a request is read only when the library has answered all before it. So is what
// comes behind an open: a handle that nobody has been given yet could be guessed, and the library has no lock around it.
type front struct {
	in    *bufio.Reader
	inner uint32 // bytes of the current request that the library has still to read
	opens bool   // the request before this one opens something
	tree  tree

	mu      sync.Mutex // held while a write is on its way
	idle    *sync.Cond // waiting is 0, or failed, or closed
	out     io.Writer
	head    []byte // of an answer whose length is not known yet
	outer   uint32 // bytes of the current answer still to come
	waiting int    // requests without an answer
	failed  error  // of out
	closed  bool   // by the library: nothing more is read
}

func newFront(in io.Reader, out io.Writer, t tree) *front {
	f := &front{in: bufio.NewReaderSize(in, longest+5), out: out, tree: t}
	f.idle = sync.NewCond(&f.mu)
	return f
}

// Close is the library's way to stop reading; in and out are the process's own.
func (f *front) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.idle.Broadcast()
	return nil
}

// Read gives the library its requests, after those in front of them were answered here.
func (f *front) Read(p []byte) (int, error) {
	for f.inner == 0 {
		head, err := f.in.Peek(5)
		if err != nil {
			f.mu.Lock()
			f.drain() // at the end of its input the library drops answers that wait
			f.mu.Unlock()
			if len(head) > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if f.opens {
			f.mu.Lock()
			f.drain()
			f.mu.Unlock()
		}
		length := binary.BigEndian.Uint32(head)
		f.opens = head[4] == typeOpen || head[4] == typeOpenDir
		if ours(head[4]) && length >= 5 && length <= longest {
			if err := f.answer(head[4], int(length)); err != nil {
				return 0, err
			}
			continue
		}
		if f.begin() != nil {
			return 0, io.EOF
		}
		f.inner = length + 4
		if f.inner < length { // no library takes that
			f.inner = 4
		}
	}
	n, err := f.in.Read(p[:min(uint64(len(p)), uint64(f.inner))])
	f.inner -= uint32(n)
	return n, err
}

// drain waits for the answers to all that was read.
func (f *front) drain() {
	for f.waiting > 0 && f.failed == nil && !f.closed {
		f.idle.Wait()
	}
}

// begin counts a request that the library is to answer.
func (f *front) begin() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return io.EOF
	}
	f.waiting++
	return nil
}

// Write passes the library's answers on and counts them.
func (f *front) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.out.Write(p)
	for rest := p[:n]; len(rest) > 0; {
		if f.outer == 0 {
			take := min(4-len(f.head), len(rest))
			f.head, rest = append(f.head, rest[:take]...), rest[take:]
			if len(f.head) < 4 {
				break
			}
			f.outer, f.head = binary.BigEndian.Uint32(f.head), f.head[:0]
		} else {
			take := uint32(min(uint64(f.outer), uint64(len(rest))))
			f.outer, rest = f.outer-take, rest[take:]
		}
		if f.outer == 0 {
			f.waiting--
		}
	}
	if err != nil {
		f.failed = err
	}
	if f.waiting == 0 || err != nil {
		f.idle.Broadcast()
	}
	return n, err
}

func ours(t byte) bool {
	return t == typeRemove || t == typeMkdir || t == typeRmdir || t == typeRename
}

// answer carries out the request at the front.
func (f *front) answer(t byte, length int) error {
	request := make([]byte, 4+length)
	if _, err := io.ReadFull(f.in, request); err != nil {
		return err
	}
	body := reader{b: request[5:]}
	id := body.number()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drain()
	if f.closed {
		return io.EOF
	}
	if f.failed != nil {
		return f.failed
	}
	if _, f.failed = f.out.Write(status(id, f.carryOut(t, &body))); f.failed != nil {
		return f.failed
	}
	return nil
}

func (f *front) carryOut(t byte, body *reader) error {
	path := body.text()
	var mode fs.FileMode
	newPath := ""
	switch t {
	case typeMkdir:
		mode = body.mode()
	case typeRename:
		newPath = body.text()
	}
	if body.short {
		return errBadMessage
	}
	switch t {
	case typeMkdir:
		return f.tree.mkdir(path, mode)
	case typeRemove:
		return removeAs(f.tree, path, false)
	case typeRmdir:
		return removeAs(f.tree, path, true)
	}
	return renameToNew(f.tree, path, newPath)
}

var errBadMessage = errors.New("bad message")

// status is a whole answer.
func status(id uint32, err error) []byte {
	code, words := statusOK, "Success"
	if err != nil {
		words = err.Error()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			code = statusNoSuchFile
		case errors.Is(err, fs.ErrPermission):
			code = statusDenied
		case errors.Is(err, errBadMessage):
			code = statusBadMessage
		default:
			code = statusFailure
		}
	}
	b := make([]byte, 4, 64+len(words))
	b = append(b, typeStatus)
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, code)
	b = binary.BigEndian.AppendUint32(b, uint32(len(words)))
	b = append(b, words...)
	b = binary.BigEndian.AppendUint32(b, 0) // no language tag
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// reader takes fields off a request; short says that there were too few bytes.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) number() uint32 {
	if len(r.b) < 4 {
		r.short, r.b = true, nil
		return 0
	}
	n := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if uint64(n) > uint64(len(r.b)) {
		r.short = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// mode reads attributes (section 5): the permissions that a new folder is to have, all where they are not named.
func (r *reader) mode() fs.FileMode {
	const size, owner, permissions = 1, 2, 4
	flags := r.number()
	if flags&size != 0 {
		r.number()
		r.number()
	}
	if flags&owner != 0 {
		r.number()
		r.number()
	}
	if flags&permissions == 0 {
		return fs.ModePerm
	}
	return fs.FileMode(r.number()) & fs.ModePerm
}
