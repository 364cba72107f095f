//go:build unix

package platform

import (
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem01_ExitCodesPass(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		for _, want := range []int64{0, 1, 4, 5, 44, 126, 127, 128, 254, 255} {
			p := launch(t, trees, sh("exit "+strconv.FormatInt(want, 10)))
			code, signal, core, err := p.Wait()
			require.NoError(t, err)
			assert.Equal(t, want, code)
			assert.Empty(t, signal)
			assert.False(t, core)
			require.NoError(t, p.Release())
		}
	})
}

func TestSem02_DeathByASignalTellsItsName(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		for _, want := range []string{"HUP", "INT", "QUIT", "KILL", "SEGV", "PIPE", "TERM", "USR1"} {
			p := launch(t, trees, sh("ulimit -c 0; kill -"+want+" $$; exec sleep 1000"))
			code, signal, _, err := p.Wait()
			require.NoError(t, err)
			assert.Equal(t, int64(-1), code)
			assert.Equal(t, want, signal)
			require.NoError(t, p.Release())
		}
	})
}

func TestSem04_StreamsClosedEarlyDoNotHideTheCode(t *testing.T) {
	eachContainment(t, func(t *testing.T, trees *Trees) {
		p := launch(t, trees, sh("exec >&- 2>&-; read line; exit 44"))
		out, err := io.ReadAll(p.Stdout())
		require.NoError(t, err)
		assert.Empty(t, out)
		_, err = io.WriteString(p.Stdin(), "go\n")
		require.NoError(t, err)
		code, _, _, err := p.Wait()
		require.NoError(t, err)
		assert.Equal(t, int64(44), code)
	})
}

func TestWaitMayBeCalledByManyAndAgain(t *testing.T) {
	p := launch(t, nil, sh("read line; exit 7"))
	codes := make(chan int64)
	for range 4 {
		go func() {
			code, _, _, _ := p.Wait()
			codes <- code
		}()
	}
	require.NoError(t, p.Stdin().Close())
	for range 4 {
		assert.Equal(t, int64(7), <-codes)
	}
	require.NoError(t, p.Release())
	code, _, _, err := p.Wait()
	require.NoError(t, err)
	assert.Equal(t, int64(7), code)
}

func TestSem24_NamedSignalsReachTheGroup(t *testing.T) {
	for _, name := range []string{"HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "WINCH"} {
		p := launch(t, nil, sh("trap 'echo got; exit 3' "+name+"; echo 1; while :; do sleep 0.01; done"))
		numbers(t, p.Stdout(), 1)
		code, signal := endedBy(t, p, func() error { return p.Signal(name) })
		assert.Equal(t, int64(3), code, "%s %s", name, signal)
		require.NoError(t, p.Release())
	}
}

func TestUnknownSignalsAreRefused(t *testing.T) {
	p := launch(t, nil, sh("exec sleep 1000"))
	for _, name := range []string{"", "SIGTERM", "term", "NOSUCH", "9", "TERM\n"} {
		assert.ErrorContains(t, p.Signal(name), "unknown signal", name)
	}
	assert.True(t, alive(p.Pid()))
}

func TestUsageIsKnownAfterRelease(t *testing.T) {
	p := launch(t, nil, sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"))
	user, system, peak := p.Usage()
	assert.Zero(t, user+system)
	assert.Zero(t, peak)
	require.NoError(t, p.Release(), "kills it, if it still runs")
	_, _, _, err := p.Wait()
	require.NoError(t, err)

	p = launch(t, nil, sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"))
	_, _, _, err = p.Wait()
	require.NoError(t, err)
	require.NoError(t, p.Release())
	user, system, peak = p.Usage()
	assert.Positive(t, user+system)
	assert.Less(t, user+system, time.Minute)
	assert.True(t, peak == 0 || peak > ownPeak()/2, "peak %d of a small shell under a daemon of %d", peak, ownPeak())
}
