package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// script is a socket whose Read and Write do what a test says.
type script struct {
	net.Conn
	read, write func([]byte) (int, error)
	writeBy     []time.Time // every deadline for writing
}

func (s *script) Read(p []byte) (int, error)         { return s.read(p) }
func (s *script) Write(p []byte) (int, error)        { return s.write(p) }
func (s *script) SetReadDeadline(time.Time) error    { return nil }
func (s *script) SetWriteDeadline(t time.Time) error { s.writeBy = append(s.writeBy, t); return nil }

func (c *conn) collect(batch ...[]byte) error {
	c.hold()
	for _, p := range batch {
		if n, err := c.Write(p); err != nil || n != len(p) {
			return errors.Join(err, errors.New("short"), c.flush())
		}
	}
	return c.flush()
}

func TestABatchIsOneWriteALargeBufferInOrder(t *testing.T) {
	var writes [][]byte
	c := newConn(&script{write: func(p []byte) (int, error) { writes = append(writes, bytes.Clone(p)); return len(p), nil }})
	record := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	data := func(n int) (batch [][]byte) { // as TLS cuts it
		for ; n > 0; n -= recordSize {
			batch = append(batch, record('b', recordSize+22))
		}
		return batch
	}
	for name, v := range map[string]struct {
		batch  [][]byte
		writes int
	}{
		"a message":         {[][]byte{record('a', 30)}, 1},
		"several small":     {[][]byte{record('a', 500), record('b', 500), record('c', 500)}, 1},
		"a few bytes":       {[][]byte{record('a', fewBytes)}, 1},
		"one more":          {[][]byte{record('a', fewBytes+1)}, 1},
		"a large buffer":    {append([][]byte{record('a', 30)}, data(7*recordSize)...), 1},
		"the largest batch": {append([][]byte{record('a', 30)}, data(256<<10+64<<10)...), 3},
	} {
		writes = nil
		require.NoError(t, c.collect(v.batch...), name)
		require.Len(t, writes, v.writes, name)
		require.Equal(t, bytes.Join(v.batch, nil), bytes.Join(writes, nil), name)
		require.Nil(t, c.outLent, "%s: the large buffer went back", name)
		require.LessOrEqual(t, cap(c.few), fewBytes, name)
	}
	writes = nil
	require.NoError(t, c.flush())
	require.Empty(t, writes, "nothing collected, nothing written")
	_, err := c.Write([]byte("alert"))
	require.NoError(t, err)
	require.Len(t, writes, 1, "outside of hold TLS's own words go at once")
}

// Any mixture of records, batches and single words arrives whole and in order, through a socket that takes what it
// likes and times out now and then; and the same for reading.
func TestBytesSurviveEverySizeOfReadAndWrite(t *testing.T) {
	pattern := make([]byte, largeBuffer+256)
	for i := range pattern {
		pattern[i] = byte(i * 31)
	}
	rapid.Check(t, func(t *rapid.T) {
		var sent, got, arrived bytes.Buffer
		sizes := rapid.SampledFrom([]int{1000, smallBuffer - 1, smallBuffer, smallBuffer + 1, 100 << 10, largeBuffer, 1 << 20})
		taken, given, wanted := sizes.Draw(t, "taken"), sizes.Draw(t, "given"), sizes.Draw(t, "wanted")
		short := rapid.SampledFrom([]error{nil, os.ErrDeadlineExceeded}).Draw(t, "short write with")
		endAlong := rapid.Bool().Draw(t, "end comes along")
		c := newConn(&script{
			write: func(p []byte) (int, error) {
				n, _ := got.Write(p[:min(len(p), taken)])
				if n < len(p) {
					return n, short
				}
				return n, nil
			},
			read: func(p []byte) (int, error) {
				n, err := arrived.Read(p[:min(len(p), given)])
				if err == nil && arrived.Len() == 0 && endAlong {
					err = io.EOF
				}
				return n, err
			},
		})
		c.lends = rapid.Bool().Draw(t, "lends")
		size := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1000, 1050), rapid.IntRange(16<<10, 17<<10),
			rapid.IntRange(largeBuffer-2, largeBuffer+2))
		for i := range rapid.IntRange(1, 4).Draw(t, "batches") {
			var batch [][]byte
			for j := range rapid.IntRange(0, 5).Draw(t, "records") {
				p := pattern[16*i+j:]
				batch = append(batch, p[:min(len(p), size.Draw(t, "size"))])
				sent.Write(batch[j])
			}
			if rapid.Bool().Draw(t, "held") {
				require.NoError(t, c.collect(batch...))
				continue
			}
			for _, p := range batch {
				_, err := c.Write(p)
				require.NoError(t, err)
			}
		}
		require.True(t, bytes.Equal(sent.Bytes(), got.Bytes()))

		arrived.Write(got.Bytes())
		var read bytes.Buffer
		for buf := make([]byte, wanted); ; {
			n, err := c.Read(buf)
			read.Write(buf[:n])
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
		require.True(t, bytes.Equal(sent.Bytes(), read.Bytes()))
	})
}

func TestTheFirstWriteErrorIsFinal(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	c := newConn(&script{write: func(p []byte) (int, error) { calls++; return 1, broken }})
	require.ErrorIs(t, c.collect([]byte("record")), broken)
	_, err := c.Write([]byte("another"))
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, c.collect([]byte("and another"), make([]byte, largeBuffer)), broken)
	require.ErrorIs(t, c.flush(), broken)
	require.Equal(t, 1, calls, "half a record is out: nothing may follow it")
	require.Nil(t, c.outLent)
}

func TestASocketThatTakesNothingWithoutAnErrorIsAnError(t *testing.T) {
	c := newConn(&script{write: func([]byte) (int, error) { return 0, nil }})
	_, err := c.Write([]byte("record"))
	require.ErrorIs(t, err, io.ErrShortWrite)
}

func TestABoundOnWritingIsNotMoved_WithoutOneItIsWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(0, 10)
		c := newConn(a)
		began := time.Now()
		go func() {
			time.Sleep(70 * time.Second)
			_, _ = io.ReadFull(b, make([]byte, 15))
		}()
		_, err := c.Write(make([]byte, 15))
		require.NoError(t, err)
		require.Equal(t, 70*time.Second, time.Since(began), "longer than any deadline of its own")
		require.Equal(t, int64(time.Since(c.born)), c.lastWrite.Load())

		require.NoError(t, c.SetWriteDeadline(time.Now().Add(3*time.Second)))
		began = time.Now()
		_, err = c.Write(make([]byte, 15))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
		_, _, _ = a.Close(), b.Close(), 0
	})
}

func TestABoundReachesAWriteUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(0, 10)
		c := newConn(a)
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(30 * time.Second)
			_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
		})
		require.ErrorIs(t, c.collect(make([]byte, 100)), os.ErrDeadlineExceeded)
		require.Equal(t, 32*time.Second, time.Since(began))
		wg.Wait()
		_, _, _ = a.Close(), b.Close(), 0
	})
}

func TestPartialProgressIsSeenWhileAWriteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(0, 10)
		c := newConn(a)
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.Write(make([]byte, 1000)) })
		time.Sleep(45 * time.Second)
		require.Equal(t, int64(began.Add(writePatience).Sub(c.born)), c.lastWrite.Load(), "ten bytes went, no more since")
		_ = b.Close()
		wg.Wait()
		_ = a.Close()
	})
}

func TestALargeReadBufferIsLentWhileDataFlowsAndNeverToAStranger(t *testing.T) {
	give := 0
	var asked int
	c := newConn(&script{read: func(p []byte) (int, error) { asked = len(p); return min(give, len(p)), nil }})
	all := make([]byte, largeBuffer)
	read := func(n int) {
		give = n
		for got := 0; got < min(n, asked); {
			k, err := c.Read(all)
			require.NoError(t, err)
			got += k
		}
	}
	asked = 1
	for range 5 {
		read(smallBuffer)
		require.Equal(t, smallBuffer, asked, "before the proofs")
	}
	c.lends = true
	read(smallBuffer)
	read(100 << 10)
	require.Equal(t, largeBuffer, asked, "a full small buffer asks for a large one")
	read(smallBuffer)
	require.NotNil(t, c.inLent)
	read(100)
	require.Nil(t, c.inLent, "a trickle gives it back")
	read(100)
	require.Equal(t, smallBuffer, asked)
}

func TestHalfTakenBytesAreNotChangedByTheNextBorrower(t *testing.T) {
	c := newConn(&script{read: func(p []byte) (int, error) {
		for i := range p {
			p[i] = 'x'
		}
		return len(p), nil
	}})
	c.lends = true
	p := make([]byte, smallBuffer)
	_, err := c.Read(p) // full: the next comes from a lent one
	require.NoError(t, err)
	_, err = c.Read(p[:10])
	require.NoError(t, err)
	other := largeBuffers.Get().(*[]byte)
	require.NotSame(t, &(*c.inLent)[0], &(*other)[0], "it is in use and so not in the pool")
	clear(*other)
	_, err = io.ReadFull(c, p)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{'x'}, len(p)), p)
}

func TestAnErrorThatComesWithBytesIsGivenBehindThem(t *testing.T) {
	calls := 0
	c := newConn(&script{read: func(p []byte) (int, error) {
		if calls++; calls == 1 {
			return copy(p, "last"), io.EOF
		}
		return 0, errors.New("asked again")
	}})
	p := make([]byte, 10)
	n, err := c.Read(p)
	require.NoError(t, err)
	require.Equal(t, "last", string(p[:n]))
	_, err = c.Read(p)
	require.ErrorIs(t, err, io.EOF)
}
