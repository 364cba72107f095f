package fleet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// storeIn is a store whose file would be in a folder that the test can look into.
func storeIn(t *testing.T) *Store {
	s := NewStore()
	s.dir = t.TempDir()
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestASpoolGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := NewStore()
		s.dir = t.TempDir()
		defer s.Close()
		spools, want := []*spool{s.spool(), s.spool(), s.spool()}, make([][]byte, 3)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			i := rapid.IntRange(0, 2).Draw(rt, "which")
			switch what := rapid.IntRange(0, 9).Draw(rt, "what"); {
			case what < 8:
				p := bytes.Repeat([]byte{byte(rapid.IntRange(0, 255).Draw(rt, "byte"))}, rapid.IntRange(0, 3*blockSize).Draw(rt, "size"))
				n, err := spools[i].Write(p)
				require.NoError(rt, err)
				require.Equal(rt, len(p), n)
				want[i] = append(want[i], p...)
			case what == 8:
				spools[i].drop() // its blocks are another's from now on
				spools[i], want[i] = s.spool(), nil
			default:
				off := rapid.IntRange(0, len(want[i])).Draw(rt, "off")
				p := make([]byte, rapid.IntRange(0, 2*blockSize).Draw(rt, "length"))
				n, err := spools[i].ReadAt(p, int64(off))
				require.True(rt, err == nil || errors.Is(err, io.EOF) && off+len(p) > len(want[i]), err)
				require.True(rt, bytes.Equal(want[i][off:off+n], p[:n]))
			}
		}
		s.held = heldMost // memory is full: all goes to the file
		for i, sp := range spools {
			require.NoError(rt, sp.settle())
			got, err := io.ReadAll(sp.reader())
			require.NoError(rt, err)
			require.True(rt, bytes.Equal(want[i], got))
		}
	})
}

func TestWhatIsSmallNeedsNoFileAndTheFileHasNoName(t *testing.T) {
	s := storeIn(t)
	small := s.spool()
	_, _ = small.Write([]byte("x"))
	require.NoError(t, small.settle())
	require.Nil(t, s.file)
	_, err := s.spool().Write(make([]byte, 2*blockSize))
	require.NoError(t, err)
	require.NotNil(t, s.file)
	left, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	if s.path == "" {
		require.Empty(t, left)
	}
}

func TestManySettledSpoolsStayWithinMemory(t *testing.T) {
	s := storeIn(t)
	text := make([]byte, blockSize-1)
	var all []*spool
	for range 2 * heldMost / blockSize {
		sp := s.spool()
		_, err := sp.Write(text)
		require.NoError(t, err)
		require.NoError(t, sp.settle())
		require.LessOrEqual(t, s.held, heldMost+blockSize)
		all = append(all, sp)
	}
	for _, sp := range all {
		sp.drop()
	}
	require.Zero(t, s.held)
}

func TestADiskThatTakesNothingIsAnError(t *testing.T) {
	s := NewStore()
	s.dir = filepath.Join(t.TempDir(), "missing")
	_, err := s.spool().Write(make([]byte, blockSize))
	require.ErrorContains(t, err, "hold output back")
	require.NoError(t, s.Close())
}

func TestOneReadServesAll(t *testing.T) {
	text := make([]byte, 5*blockSize+17)
	for i := range text {
		text[i] = byte(rand.IntN(256))
	}
	src := &countingReader{r: bytes.NewReader(text)}
	b := newBroadcast(src)
	b.store.dir = t.TempDir()
	defer b.close()
	var all sync.WaitGroup
	for i := range 10 {
		tap := b.tap()
		all.Go(func() {
			if i == 3 {
				_, _ = tap.Read(make([]byte, 10))
				assert.NoError(t, tap.Close())
				n, err := tap.Read(make([]byte, 10))
				assert.Zero(t, n)
				assert.Equal(t, io.EOF, err)
				return
			}
			got, err := io.ReadAll(&smallReads{tap, 1 + i*1000})
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(text, got))
		})
	}
	all.Wait()
	require.Equal(t, int64(len(text)), src.n)
	late, err := io.ReadAll(b.tap())
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, late), "who comes when all is over has all of it too")
}

type smallReads struct {
	r io.Reader
	n int
}

func (s *smallReads) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.n)]) }

// A tap that waits in the source does not keep another from ending, nor from what is there already.
func TestWhoWaitsForMoreKeepsNobody(t *testing.T) {
	r, w := io.Pipe()
	b := newBroadcast(r)
	defer b.close()
	first, second := b.tap(), b.tap()
	got := make(chan string, 2)
	read := func(tap *tap) {
		p := make([]byte, 10)
		n, err := tap.Read(p)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(p[:n])
	}
	go read(first)
	_, err := io.WriteString(w, "one")
	require.NoError(t, err)
	require.Equal(t, "one", <-got)
	go read(first) // waits in the source
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.reading }, 10*time.Second, time.Millisecond)
	read(second)
	require.Equal(t, "one", <-got)
	go read(second)
	require.NoError(t, second.Close())
	require.Equal(t, "EOF", <-got)
	require.NoError(t, w.CloseWithError(errors.New("torn")))
	require.Equal(t, "torn", <-got)
	require.True(t, strings.Contains(b.err.Error(), "torn"))
}
