package localterm

import (
	"io"
	"sync"
	"sync/atomic"
)

// Keyboard is what is typed for the command: a reader without the escapes, which come out of Actions.
type Keyboard struct {
	r       io.Reader
	escapes *Escapes
	in      [4 << 10]byte
	rest    []byte // of in: not yet scanned
	out     []byte // scanned, not yet read
	then    Action // what was asked for behind out

	ready   chan struct{} // closed by Open
	actions chan Action   // taken by whoever carries them out
	typed   atomic.Uint64
	resumed chan struct{} // one token
	closed  chan struct{} // closed by Close
	closing sync.Once
}

// NewKeyboard reads what is typed from r, as soon as it is opened.
func NewKeyboard(r io.Reader, escapes *Escapes) *Keyboard {
	return &Keyboard{r: r, escapes: escapes, ready: make(chan struct{}), actions: make(chan Action),
		resumed: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Open lets reading begin: the terminal is raw. It is called once.
func (k *Keyboard) Open() { close(k.ready) }

// Close ends a Read that waits for anything but a key.
func (k *Keyboard) Close() { k.closing.Do(func() { close(k.closed) }) }

// Actions brings what was asked for by escapes. Behind Suspend nothing is read before Resume.
func (k *Keyboard) Actions() <-chan Action { return k.actions }

// Resume follows a Suspend that was carried out.
func (k *Keyboard) Resume() {
	select {
	case k.resumed <- struct{}{}:
	default:
	}
}

// Read gives what was typed for the command. Its only error is io.EOF, after the keyboard is gone or closed.
func (k *Keyboard) Read(p []byte) (int, error) {
	select {
	case <-k.ready:
	case <-k.closed:
		return 0, io.EOF
	}
	for len(k.out) == 0 {
		if act := k.then; act != NoAction {
			k.then = NoAction
			if !k.act(act) {
				return 0, io.EOF
			}
		}
		if len(k.rest) == 0 {
			n, err := k.r.Read(k.in[:])
			k.rest = k.in[:n]
			if n == 0 && err != nil {
				k.act(Gone)
				return 0, io.EOF
			}
		}
		var taken int
		k.out, taken, k.then = k.escapes.Scan(k.out[:0], k.rest)
		k.rest = k.rest[taken:]
		if k.then == Leave { // at once: whoever leaves does not want to wait until something is taken
			k.then = NoAction
			if !k.act(Leave) {
				return 0, io.EOF
			}
		}
	}
	n := copy(p, k.out)
	k.out = k.out[:copy(k.out, k.out[n:])]
	k.typed.Add(uint64(n))
	return n, nil
}

// Typed counts the bytes that the command got.
func (k *Keyboard) Typed() uint64 { return k.typed.Load() }

// act hands an action over; false: the keyboard was closed.
func (k *Keyboard) act(act Action) bool {
	select {
	case k.actions <- act:
	case <-k.closed:
		return false
	}
	if act != Suspend {
		return true
	}
	select {
	case <-k.resumed:
		return true
	case <-k.closed:
		return false
	}
}
