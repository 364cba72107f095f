package forward

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pair is a connection over loopback.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(); _ = s.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// stream is a Far over a connection; the test has its other end.
type stream struct {
	*net.TCPConn
	once  sync.Once
	done  chan struct{}
	err   error // written before done is closed
	cause error // of Abort
}

func newStream(c *net.TCPConn) *stream { return &stream{TCPConn: c, done: make(chan struct{})} }

func (s *stream) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{s.TCPConn})
}
func (s *stream) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{s.TCPConn}, r)
}
func (s *stream) Done() <-chan struct{} { return s.done }
func (s *stream) Err() error            { return s.err }

func (s *stream) Close() error {
	s.end(nil)
	return s.TCPConn.Close()
}

func (s *stream) Abort(cause error) {
	s.cause = cause
	_ = s.SetLinger(0)
	_ = s.TCPConn.Close()
	s.end(nil)
}

func (s *stream) end(err error) { s.once.Do(func() { s.err = err; close(s.done) }) }

// joined runs Join between two connections and gives their outer ends.
func joined(t *testing.T) (near, far *net.TCPConn, st *stream, result <-chan error) {
	t.Helper()
	near, n := pair(t)
	far, f := pair(t)
	st = newStream(f)
	r := make(chan error, 1)
	go func() {
		err := Join(TCP{n}, st, nil)
		_ = n.Close()
		r <- err
	}()
	return near, far, st, r
}

func wait(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(20 * time.Second):
		require.Fail(t, "Join does not return")
		return nil
	}
}

func TestBothDirectionsAreCopiedAndEndApart(t *testing.T) {
	up, down := make([]byte, 2<<20+1), make([]byte, 3<<20+5)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(up)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(down)
	near, far, _, result := joined(t)

	var sending sync.WaitGroup
	sending.Go(func() { _, err := near.Write(up); assert.NoError(t, errors.Join(err, near.CloseWrite())) })
	got, err := io.ReadAll(far) // the end of one direction
	require.NoError(t, err)
	require.True(t, bytes.Equal(up, got))
	sending.Go(func() { _, err := far.Write(down); assert.NoError(t, errors.Join(err, far.CloseWrite())) })
	got, err = io.ReadAll(near) // lets the other go on
	require.NoError(t, err)
	require.True(t, bytes.Equal(down, got))
	sending.Wait()
	require.NoError(t, wait(t, result))
}

func TestAResetOnOneSideIsAResetOnTheOther(t *testing.T) {
	near, far, st, result := joined(t)
	_, err := near.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(far, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, near.SetLinger(0))
	require.NoError(t, near.Close())
	require.Error(t, wait(t, result))
	require.Error(t, st.cause)
	_, err = far.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotEqual(t, io.EOF, err, "an end would say that all came")

	near, far, _, result = joined(t)
	require.NoError(t, far.SetLinger(0))
	require.NoError(t, far.Close())
	require.Error(t, wait(t, result))
	_, err = near.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotEqual(t, io.EOF, err)
}

func TestAFarEndInGoodOrderEndsAReadThatWaits(t *testing.T) {
	near, far, st, result := joined(t)
	_, err := far.Write([]byte("last"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	got, err := io.ReadAll(near)
	require.NoError(t, err)
	require.Equal(t, "last", string(got))
	st.end(nil)
	require.NoError(t, wait(t, result))
}

func TestALostFarEndIsAnError(t *testing.T) {
	near, far, st, result := joined(t)
	lost := errors.New("lost")
	st.end(lost)
	require.NoError(t, far.Close()) // what looks like an end
	require.ErrorIs(t, wait(t, result), lost)
	_, _ = io.Copy(io.Discard, near)
}
