package platform

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// holds is what the pipe of an output can hold.
func holds(t *testing.T, o *Output) int {
	t.Helper()
	conn, err := o.f.SyscallConn()
	require.NoError(t, err)
	size := 0
	require.NoError(t, conn.Control(func(fd uintptr) { size, err = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0) }))
	require.NoError(t, err)
	return size
}

// mayWiden says whether the kernel lets this process have a wide pipe now: root in a container may have too many already.
func mayWiden(t *testing.T) bool {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	_, err = unix.FcntlInt(r.Fd(), unix.F_SETPIPE_SZ, widePipe)
	return err == nil
}

func TestAPipeGrowsWhenItWasFullAndLosesNothing(t *testing.T) {
	p := launch(t, nil, sh("head -c 3000000 /dev/zero; read x; head -c 5 /dev/zero"))
	require.Eventually(t, func() bool { n, err := p.Stdout().Pending(); return err == nil && n == fullPipe },
		10*time.Second, time.Millisecond, "the command fills its pipe")
	assert.Equal(t, fullPipe, holds(t, p.Stdout()))

	b := make([]byte, fullPipe)
	n, err := p.Stdout().Read(b)
	require.NoError(t, err)
	require.Equal(t, fullPipe, n)
	assert.GreaterOrEqual(t, holds(t, p.Stdout()), fullPipe, "a user with too many wide pipes keeps the old one")
	if mayWiden(t) {
		assert.Equal(t, widePipe, holds(t, p.Stdout()))
	}
	assert.Equal(t, fullPipe, holds(t, p.Stderr()), "the one that carried nothing stays as it was")

	_, err = io.WriteString(p.Stdin(), "\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	assert.Len(t, rest, 3000005-fullPipe)
}

func TestAPipeOfSmallOutputStaysSmall(t *testing.T) {
	p := launch(t, nil, sh("printf hello; read x"))
	b := make([]byte, 2*fullPipe)
	n, err := p.Stdout().Read(b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b[:n]))
	assert.Equal(t, fullPipe, holds(t, p.Stdout()))
}
