package mux

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
)

var errCut = errors.New("cut")

// flaky is a transport that reads and writes in pieces, waits now and then, and is cut for good once left bytes went
// either way.
type flaky struct {
	*duplex
	mu   sync.Mutex
	rnd  *rand.Rand
	left *int // of both directions together
}

// spend takes up to n bytes of what is left, in a piece of random size, behind a random pause.
func (f *flaky) spend(n int) (int, error) {
	f.mu.Lock()
	if f.rnd.IntN(8) == 0 {
		pause := time.Duration(f.rnd.IntN(20)) * time.Millisecond
		f.mu.Unlock()
		time.Sleep(pause)
		f.mu.Lock()
	}
	defer f.mu.Unlock()
	if n = min(n, 1+f.rnd.IntN(1<<f.rnd.IntN(15)), *f.left); n == 0 {
		_ = f.duplex.Close()
		return 0, errCut
	}
	*f.left -= n
	return n, nil
}

func (f *flaky) Read(p []byte) (int, error) {
	f.mu.Lock()
	n := min(len(p), 1+f.rnd.IntN(1<<f.rnd.IntN(15)))
	f.mu.Unlock()
	return f.duplex.Read(p[:n])
}

func (f *flaky) Write(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := f.spend(len(p) - n)
		if err != nil {
			return n, err
		}
		if k, err = f.duplex.Write(p[n : n+k]); err != nil {
			return n + k, err
		}
		n += k
	}
	return n, nil
}

// echo carries size bytes to the daemon and back over a transport that is cut at byte cut, and gives what broke.
func echo(t *testing.T, size, cut int, seed uint64) (broken string, whole bool) {
	a, b := duplexes()
	left := cut
	rnd := rand.New(rand.NewPCG(seed, uint64(cut)))
	c, d := bothOver(&flaky{duplex: a, rnd: rnd, left: &left}, &flaky{duplex: b, rnd: rand.New(rand.NewPCG(seed, 1)), left: new(1 << 30)}, Config{}, Config{})
	var wg sync.WaitGroup
	defer wg.Wait()
	cs, err := c.Open(frame.KindExec, [2]uint64{65536, 0}, false)
	require.NoError(t, err)
	var came uint64
	var ended error
	wg.Go(func() {
		defer d.Close()
		ds, err := d.Accept(t.Context())
		if err != nil {
			return
		}
		for {
			p, err := ds.Next(t.Context(), 1)
			if ended = err; err != nil {
				break
			}
			came += uint64(len(p))
			_, _ = ds.Write(2, p)
			ds.Advance(1, len(p))
		}
		if ended == io.EOF {
			_ = ds.CloseLane(2)
			_ = ds.Flushed(t.Context(), 2)
		}
		<-d.Context().Done()
	})
	wg.Go(func() {
		_, _ = cs.Write(1, patterned(1, 1, 0, size))
		_ = cs.CloseLane(1)
	})
	back := uint64(0)
	wrong := false
	var backEnd error
	for backEnd == nil {
		var p []byte
		if p, backEnd = cs.Next(t.Context(), 2); backEnd == nil {
			for i, x := range p {
				wrong = wrong || x != pattern(1, 1, back+uint64(i))
			}
			back += uint64(len(p))
			cs.Advance(2, len(p))
		}
	}
	c.Close()
	<-c.done
	d.Abort(nil)
	<-d.done
	wg.Wait()
	switch {
	case wrong:
		return "a wrong byte", false
	case ended == io.EOF && came != uint64(size):
		return fmt.Sprintf("stdin: a clean EOF at %d of %d", came, size), false
	case backEnd == io.EOF && back != uint64(size):
		return fmt.Sprintf("stdout: a clean EOF at %d of %d", back, size), false
	case back > came || came > uint64(size):
		return fmt.Sprintf("%d came back of %d that came of %d", back, came, size), false
	case backEnd != io.EOF && !errors.As(backEnd, new(*frame.ConnError)):
		return fmt.Sprintf("ended with %v", backEnd), false
	}
	return "", backEnd == io.EOF
}

func TestACutAtAnyByteIsNeverACleanEnd(t *testing.T) {
	wholes := 0
	try := func(size, cut int, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			broken, whole := echo(t, size, cut, seed)
			require.Empty(t, broken, "size %d cut %d seed %d", size, cut, seed)
			if whole {
				wholes++
			}
		})
	}
	for cut := range 300 { // OPEN, DATA and EOF of the small one are 260 bytes or so
		try(200, cut, uint64(cut))
	}
	require.NotZero(t, wholes)
	wholes = 0
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		try(300000, rnd.IntN(310000), rnd.Uint64())
	}
	try(300000, 1<<30, 3)
	require.NotZero(t, wholes)
}
