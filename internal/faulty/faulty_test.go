package faulty

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through sends msg up through a proxy with a plan and gives what a listener behind it got.
func through(t *testing.T, plan Plan, msg []byte) []byte {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p, err := NewProxy(l.Addr().String(), func(int) Plan { return plan })
	require.NoError(t, err)
	defer p.Close()
	c, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	defer c.Close()
	go func() {
		_, _ = c.Write(msg)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	s, err := l.Accept()
	require.NoError(t, err)
	defer s.Close()
	got, _ := io.ReadAll(s)
	return got
}

func TestAPerfectWirePassesEverything(t *testing.T) {
	msg := bytes.Repeat([]byte("0123456789"), 50000)
	require.Equal(t, msg, through(t, Plan{}, msg))
}

func TestACutLetsExactlyNBytesPass(t *testing.T) {
	msg := []byte("0123456789")
	for n := 1; n <= len(msg); n++ {
		require.Equal(t, msg[:n], through(t, Plan{Up: Fault{Cut: int64(n)}}, msg))
	}
	require.Empty(t, through(t, Plan{Up: Fault{Cut: CutNone}}, msg))
}

func TestAFlipChangesExactlyOneBit(t *testing.T) {
	msg := []byte{0, 0, 0}
	for bit := 1; bit <= 24; bit++ {
		want := []byte{0, 0, 0}
		want[(bit-1)/8] = 0x80 >> ((bit - 1) % 8)
		require.Equal(t, want, through(t, Plan{Up: Fault{Flip: int64(bit)}}, msg))
	}
}

func TestShortPiecesPassEverythingInOrder(t *testing.T) {
	msg := bytes.Repeat([]byte("0123456789"), 1000)
	require.Equal(t, msg, through(t, Plan{Up: Fault{Seed: 7, Short: true}}, msg))
}

func TestASlowLinkTakesItsTime(t *testing.T) {
	began := time.Now()
	msg := bytes.Repeat([]byte("0123456789"), 2000)
	require.Equal(t, msg, through(t, Plan{Up: Fault{Rate: 100_000}}, msg))
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
}

func TestWhatIsPausedComesLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p, err := NewProxy(l.Addr().String(), nil)
	require.NoError(t, err)
	defer p.Close()
	c, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	defer c.Close()
	s, err := l.Accept()
	require.NoError(t, err)
	defer s.Close()
	p.Pause()
	p.Pause()
	_, err = c.Write([]byte("later"))
	require.NoError(t, err)
	require.NoError(t, s.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = s.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, s.SetReadDeadline(time.Time{}))
	p.Resume()
	p.Resume()
	got := make([]byte, 5)
	_, err = io.ReadFull(s, got)
	require.NoError(t, err)
	require.Equal(t, "later", string(got))
	p.Pause() // Close ends it
}
