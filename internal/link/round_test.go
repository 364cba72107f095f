package link

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// runOnce is a daemon's whole work: START, output, VERDICT, and the client's goodbye.
func runOnce(l *Link) error {
	ctx := context.Background()
	st, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	if _, _, err := st.Recv(ctx); err != nil { // START
		return err
	}
	if _, err := st.Write(frame.LaneOut, []byte("hello")); err != nil {
		return err
	}
	_ = st.CloseLane(frame.LaneOut)
	_ = st.CloseLane(frame.LaneErr)
	if err := st.Flushed(ctx, frame.LaneErr); err != nil {
		return err
	}
	if err := st.Send(frame.TypeVerdict, []byte{0xa0}); err != nil {
		return err
	}
	if _, _, err := st.Recv(ctx); err != nil { // VERDICT_ACK
		return err
	}
	<-st.Context().Done()
	return nil
}

// readOutput takes lane 2 to its first byte.
func readOutput(t testing.TB, c *command) {
	t.Helper()
	p, err := c.stream.Next(context.Background(), frame.LaneOut)
	require.NoError(t, err)
	require.Equal(t, "hello", string(p))
	c.stream.Advance(frame.LaneOut, len(p))
}

func readVerdict(t testing.TB, c *command) {
	t.Helper()
	ty, _, err := c.stream.Recv(context.Background())
	require.NoError(t, err)
	require.Equal(t, frame.TypeVerdict, ty)
}

func sayGoodbye(t testing.TB, l *Link, c *command) {
	t.Helper()
	require.NoError(t, c.stream.Send(frame.TypeVerdictAck, nil))
	require.NoError(t, c.stream.Close())
	l.Close()
	require.NoError(t, l.Wait())
}

// turns counts how often what a client sent had to be answered before it went on.
type turns struct {
	net.Conn
	mu      sync.Mutex
	sending bool
	trips   int
}

func (c *turns) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.sending {
		c.sending = false
		c.trips++
	}
	return n, err
}

func (c *turns) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sending = true
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *turns) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

func TestRoundTripsColdPinned4Otherwise5_AndNoneAfterTheVerdict(t *testing.T) {
	for name, v := range map[string]struct {
		pin  []byte
		line int // its length
		want int
	}{
		"pinned":               {boxPin(), 10, 4},
		"first contact":        {nil, 10, 5},
		"START of over 16 KiB": {boxPin(), 20 << 10, 5},
	} {
		t.Run(name+" over TCP", func(t *testing.T) {
			left := make(chan error, 1)
			x := startBox(t, nil, nil, func(l *Link) { left <- runOnce(l) })
			nc := &turns{Conn: dial(t, x.addr), trips: 1} // TCP's own
			c := &command{line: string(make([]byte, v.line))}
			l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, Pin: v.pin, First: c.first})
			require.NoError(t, err)
			readOutput(t, c)
			readVerdict(t, c)
			require.Equal(t, v.want, nc.count())
			sayGoodbye(t, l, c)
			require.NoError(t, <-left, "ACK and CLOSE arrived")
			require.Equal(t, 1, c.calls)
		})
		// In virtual time, where computing takes none, the clock itself counts the trips.
		t.Run(name+" by the clock", func(t *testing.T) {
			const trip = time.Second
			synctest.Test(t, func(t *testing.T) {
				a, b := newWire(trip/2, 1<<20)
				left := make(chan error, 1)
				go func() {
					var y tally
					l, err := Server(context.Background(), b, serverConfig(&y))
					if err == nil {
						err = runOnce(l)
						l.Close()
						_ = l.Wait()
					}
					left <- err
				}()
				c := &command{line: string(make([]byte, v.line))}
				began := time.Now()
				l, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey, Pin: v.pin, First: c.first})
				require.NoError(t, err)
				readOutput(t, c)
				require.Equal(t, time.Duration(v.want-1)*trip, time.Since(began), "TCP's own trip is not on this wire")
				require.Equal(t, trip, l.RTT(), "what M1 and M2 measured")
				readVerdict(t, c)
				before := time.Now()
				sayGoodbye(t, l, c)
				require.Zero(t, time.Since(before), "the client waits for nothing after the verdict")
				require.NoError(t, <-left)
			})
		})
	}
}

func TestBothSidesKnowTheRoundTripBeforeTheFirstPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(50*time.Millisecond, 1<<20)
		got := make(chan *Link)
		go func() {
			var y tally
			l, _ := Server(context.Background(), b, serverConfig(&y))
			got <- l
		}()
		c, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey})
		require.NoError(t, err)
		d := <-got
		require.Equal(t, 100*time.Millisecond, c.RTT())
		require.Equal(t, 100*time.Millisecond, d.RTT())
		c.Close()
		_, _ = c.Wait(), d.Wait()
	})
}
