//go:build unix

package platform

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem11_BothWaysAreEightBitClean(t *testing.T) {
	data := make([]byte, 300<<10)
	_, _ = rand.Read(data)
	for _, block := range []int{100, 1000, 16383, 16384, 16385, 65535, 65536, 65537, 256 << 10} {
		p := launch(t, nil, Spec{Argv: []string{"cat"}})
		wrote := make(chan error, 1)
		go func() {
			for rest := data; len(rest) > 0; {
				n := min(block, len(rest))
				if _, err := p.Stdin().Write(rest[:n]); err != nil {
					wrote <- err
					return
				}
				rest = rest[n:]
			}
			wrote <- p.Stdin().Close()
		}()
		got, err := io.ReadAll(p.Stdout())
		require.NoError(t, err)
		require.NoError(t, <-wrote)
		assert.Equal(t, sha256.Sum256(data), sha256.Sum256(got), "blocks of %d", block)
		require.NoError(t, p.Release())
	}
}

func TestSem12_StderrArrivesWholeAfterStdoutsEnd(t *testing.T) {
	p := launch(t, nil, sh("exec 3>&1 >&-; exec 3>&-; head -c 1000000 /dev/zero >&2"))
	out, complaints := collect(t, p)
	assert.Empty(t, out)
	assert.Len(t, complaints, 1000000)
}

func TestSem13_EndOfInputIsHalfClose(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		for _, text := range []string{"0000", ""} {
			p := launch(t, trees, Spec{Argv: []string{"cat"}})
			_, err := io.WriteString(p.Stdin(), text)
			require.NoError(t, err)
			require.NoError(t, p.Stdin().Close())
			out, _ := collect(t, p)
			assert.Equal(t, text, out)
		}
	})
}

func TestSem13_NoStdinIsTheNullDevice(t *testing.T) {
	p := launch(t, nil, Spec{Argv: []string{"sh", "-c", "cat; ls -lL /dev/fd/0 | cut -c1"}, NoStdin: true})
	assert.Nil(t, p.Stdin())
	out, _ := collect(t, p)
	assert.Equal(t, "c\n", out)
}

func TestSem14_InputNobodyReadsIsEPIPE(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("head -c 10 >/dev/null; exit 9"))
		block := make([]byte, 64<<10)
		var err error
		for written := 0; err == nil && written < 1<<30; written += len(block) {
			_, err = p.Stdin().Write(block)
		}
		require.ErrorIs(t, err, syscall.EPIPE)
		code, _, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(9), code)
	})
}

func TestSem14_CloseEndsAWriteThatIsBlocked(t *testing.T) {
	p := launch(t, nil, sh("exec sleep 1000"))
	failed := make(chan error, 1)
	go func() {
		_, err := p.Stdin().Write(make([]byte, 10<<20))
		failed <- err
	}()
	select {
	case err := <-failed:
		t.Fatalf("nobody read, but Write returned %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, p.Stdin().Close())
	assert.ErrorIs(t, <-failed, os.ErrClosed)
}

func TestSem15_AWriterWithoutAReaderDies(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, Spec{Argv: []string{"yes"}})
		_, err := io.ReadFull(p.Stdout(), make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, p.Stdout().Close())
		_, signal, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, "PIPE", signal)
	})
}

func TestSem19_PendingIsExact(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("head -c 12345 /dev/zero; sleep 1000 & exit 0"))
		_, _, _, err := p.Wait()
		require.NoError(t, err)
		n, err := p.Stdout().Pending()
		require.NoError(t, err)
		require.Equal(t, 12345, n)

		got, err := io.ReadAll(io.LimitReader(p.Stdout(), int64(n)))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(make([]byte, 12345), got))
		n, err = p.Stdout().Pending()
		require.NoError(t, err)
		assert.Zero(t, n)

		require.NoError(t, p.Stdout().SetReadDeadline(time.Now()))
		_, err = p.Stdout().Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "the pipe is held, it must not end")
	})
}

func TestSem19_ADeadlineReachesABlockedRead(t *testing.T) {
	p := launch(t, nil, sh("exec sleep 1000"))
	failed := make(chan error, 1)
	go func() {
		_, err := p.Stdout().Read(make([]byte, 1))
		failed <- err
	}()
	require.NoError(t, p.Stdout().SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	assert.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
	require.NoError(t, p.Stdout().Close())
	_, err := p.Stdout().Pending()
	assert.ErrorIs(t, err, os.ErrClosed)
}
