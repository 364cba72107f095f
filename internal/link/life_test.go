package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/hmacauth"
)

// virtualPair is both ends over a wire, in virtual time.
func virtualPair(t *testing.T, cfg ClientConfig) (client, daemon *Link, cw, dw *wire) {
	t.Helper()
	cw, dw = newWire(0, 64<<10)
	cfg.Credentials = adminKey
	got := make(chan served)
	go func() {
		var y tally
		l, err := Server(context.Background(), dw, serverConfig(&y))
		got <- served{l, err}
	}()
	client, err := Client(context.Background(), cw, cfg)
	require.NoError(t, err)
	r := <-got
	require.NoError(t, r.err)
	time.Sleep(time.Second) // a clock that stands at zero is no clock
	return client, r.l, cw, dw
}

// A writer that hangs on a peer that reads nothing holds the lock that TLS's Close and its alerts want.
func TestAbortEndsALinkWhoseWriterHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c command
		client, daemon, cw, _ := virtualPair(t, ClientConfig{First: c.first, Ping: time.Hour})
		st, err := daemon.Accept(context.Background())
		require.NoError(t, err)
		cw.in.choke() // from here on nothing gets through to the client
		go func() { _, _ = st.Write(frame.LaneOut, make([]byte, 1<<20)) }()
		time.Sleep(5 * time.Second)
		began := time.Now()
		daemon.Abort(errors.New("enough"))
		require.ErrorContains(t, daemon.Wait(), "enough")
		require.LessOrEqual(t, time.Since(began), lastWords)
		client.Abort(context.Canceled)
		require.Error(t, client.Wait())
	})
}

func TestAPeerThatTakesNothingIsGivenUpWithinAMinuteAndAHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c command
		client, daemon, cw, _ := virtualPair(t, ClientConfig{First: c.first, Ping: time.Hour})
		st, err := daemon.Accept(context.Background())
		require.NoError(t, err)
		cw.in.choke()
		go func() { _, _ = st.Write(frame.LaneOut, make([]byte, 1<<20)) }()
		began := time.Now()
		var alive sync.WaitGroup
		defer alive.Wait()
		alive.Go(func() { // so silence is not what ends it
			for client.Context().Err() == nil {
				_, _ = c.stream.Write(frame.LaneIn, []byte("x"))
				time.Sleep(5 * time.Second)
			}
		})
		require.ErrorContains(t, daemon.Wait(), "took nothing")
		require.LessOrEqual(t, time.Since(began), 90*time.Second)
		require.Error(t, client.Wait())
	})
}

// A reader that wants to say an alert waits for the lock that the writer holds; both must end. In real time: a clock of
// synctest stands still while somebody waits for a mutex.
func TestAReaderThatWaitsForTheWriterEndsToo(t *testing.T) {
	a, b := newWire(0, 64<<10)
	got := make(chan served)
	go func() {
		var y tally
		l, err := Server(context.Background(), b, serverConfig(&y))
		got <- served{l, err}
	}()
	var c command
	client, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey, First: c.first})
	require.NoError(t, err)
	r := <-got
	require.NoError(t, r.err)
	st, err := r.l.Accept(context.Background())
	require.NoError(t, err)
	a.in.choke()
	go func() { _, _ = st.Write(frame.LaneOut, make([]byte, 1<<20)) }()
	require.Eventually(t, func() bool { return held(r.l.channel) }, patience, time.Millisecond)
	_, err = a.Write(make([]byte, 5+100)) // no TLS record
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the reader took it: the flow is empty
		a.out.mu.Lock()
		defer a.out.mu.Unlock()
		return a.out.held == 0
	}, patience, time.Millisecond)
	r.l.Abort(errors.New("enough")) // as the keepalive would after a minute
	select {
	case <-r.l.done:
	case <-time.After(patience):
		require.FailNow(t, "the link hangs")
	}
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed, "the socket was closed")
	client.Abort(context.Canceled)
	require.Error(t, client.Wait())
}

// TLS's own Close wants to say goodbye first, behind the Write that hangs.
func TestClosingTheChannelDoesNotWaitForAWriteThatHangs(t *testing.T) {
	a, b := newWire(0, 64<<10)
	far := make(chan error, 1)
	go func() { _, err := answer(b, boxID()); far <- err }()
	ch := clientChannel(a, nil)
	require.NoError(t, ch.Handshake())
	require.NoError(t, ch.below.flush()) // as M1 would
	require.NoError(t, <-far)
	ch.proved()
	a.out.choke()
	hung := make(chan error, 1)
	go func() { _, err := ch.Write(make([]byte, 100)); hung <- err }()
	require.Eventually(t, func() bool { return held(ch) }, patience, time.Millisecond)
	began := time.Now()
	require.NoError(t, ch.Close())
	require.ErrorIs(t, <-hung, net.ErrClosed)
	require.Less(t, time.Since(began), 3*time.Second)
	_ = b.Close()
}

// held reports whether a writer has the connection's lock.
func held(ch *channel) bool {
	free := ch.below.mu.TryLock()
	if free {
		ch.below.mu.Unlock()
	}
	return !free
}

func TestCloseIsBoundedWhenNotEvenTheGoodbyeGetsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c command
		client, daemon, cw, dw := virtualPair(t, ClientConfig{First: c.first, Ping: time.Hour})
		cw.in.choke()
		dw.in.choke()
		began := time.Now()
		client.Close()
		require.NoError(t, client.Wait())
		require.LessOrEqual(t, time.Since(began), 5*time.Second)
		daemon.Close()
		_ = daemon.Wait()
		require.LessOrEqual(t, time.Since(began), 20*time.Second)
	})
}

// Closing a socket with unread input makes the kernel send RST, which destroys what was said. So the peer here never
// stops sending before it has seen the end.
func TestCloseDeliversAllThatWasWrittenToAPeerThatKeepsSending(t *testing.T) {
	for range 5 {
		var waited sync.WaitGroup
		x := startBox(t, nil, nil, func(l *Link) {
			st, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			_, _ = st.Write(frame.LaneOut, make([]byte, 200<<10))
			_ = st.CloseLane(frame.LaneOut)
			_ = st.Flushed(context.Background(), frame.LaneOut)
			_ = st.Send(frame.TypeVerdict, []byte{0xa0})
			l.GoAway(frame.CodeShutdown, "the last word")
			l.Close()
			_ = l.Wait()
		})
		k := talk(t, dial(t, x.addr))
		hs, m3 := k.prove(t, adminKey)
		var c command
		early := earlyBytes(t, &c)
		_, err := k.Write(append(m3, early...))
		require.NoError(t, err)
		m4, err := k.recv()
		require.NoError(t, err)
		_, err = hs.Finish(m4)
		require.NoError(t, err)

		var over atomic.Bool
		waited.Go(func() {
			noise := append(frame.Header{Length: 1 << 10, Type: frame.Skippable, Stream: 1}.Append(nil), make([]byte, 1<<10)...)
			for !over.Load() {
				if _, err := k.Write(noise); err != nil {
					return
				}
			}
		})
		var data int
		var goodbye, verdict bool
		for {
			var head [frame.HeaderSize]byte
			_, err := io.ReadFull(k.r, head[:])
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			h := frame.ParseHeader(head[:])
			p := make([]byte, h.Length)
			_, err = io.ReadFull(k.r, p)
			require.NoError(t, err)
			switch h.Type {
			case frame.TypeData:
				data += len(p)
			case frame.TypeVerdict:
				verdict = true
			case frame.TypeGoAway:
				goodbye = true
			}
		}
		require.Equal(t, 200<<10, data)
		require.True(t, verdict)
		require.True(t, goodbye)
		over.Store(true)
		_ = k.NetConn().Close()
		waited.Wait()
		require.NoError(t, x.next(t).err)
	}
}

func TestAWornKeySaysGoAwayAndThenEndsTheLink(t *testing.T) {
	for name, count := range map[string]func(*Link) *atomic.Int64{
		"sending":   func(l *Link) *atomic.Int64 { return &l.channel.sent },
		"receiving": func(l *Link) *atomic.Int64 { return &l.channel.received },
	} {
		t.Run(name, func(t *testing.T) {
			x := startBox(t, nil, nil, nil)
			c, d := mustConnect(t, x, ClientConfig{})
			count(d).Store(recordsWorn - 1)
			_, err := c.Ping(context.Background())
			require.NoError(t, err)
			require.Eventually(t, func() bool { return c.GoneAway() != nil }, patience, time.Millisecond)
			require.Equal(t, frame.CodeGoingAway, c.GoneAway().Code)
			_, err = c.Ping(context.Background())
			require.NoError(t, err, "what runs may finish")
			_, err = c.Open(frame.KindExec, [2]uint64{1 << 16, 1 << 16}, false)
			require.Error(t, err)

			count(d).Store(recordsMost - 1)
			_, _ = c.Ping(context.Background())
			require.ErrorIs(t, d.Wait(), errWorn)
			require.Error(t, c.Wait())
		})
	}
}

// The counters must not fall behind what TLS does: its records are counted below it here.
func TestRecordsAreCountedAtLeastAsOftenAsTLSMakesThem(t *testing.T) {
	var records atomic.Int64
	x := startBox(t, nil, func(nc net.Conn) net.Conn { return &recordCounter{Conn: nc, records: &records} }, func(l *Link) {
		if st, err := l.Accept(context.Background()); err == nil {
			_, _ = st.Write(frame.LaneOut, make([]byte, 32<<20))
			_ = st.CloseLane(frame.LaneOut)
		}
	})
	var c command
	client, daemon := mustConnect(t, x, ClientConfig{First: c.first})
	require.Equal(t, 32<<20, drainLane(t, &c))
	const handshake, start = 10, 100 // TLS's own, and its small records up to the first 128 KiB
	sent, received, made := daemon.channel.sent.Load(), client.channel.received.Load(), records.Load()
	require.GreaterOrEqual(t, sent+handshake+start, made)
	require.GreaterOrEqual(t, received+handshake, made-20, "the last may still be on their way")
	require.Less(t, float64(sent), float64(made)*1.6, "nor run far ahead of it")
	require.Less(t, float64(received), float64(made)*1.6)
	t.Logf("%d records, %d counted by the sender, %d by the receiver", made, sent, received)
}

// recordCounter follows TLS's records through what is written.
type recordCounter struct {
	net.Conn
	records *atomic.Int64
	head    []byte
	rest    int
}

func (c *recordCounter) Write(p []byte) (int, error) {
	for q := p; len(q) > 0; {
		if c.rest > 0 {
			k := min(c.rest, len(q))
			c.rest, q = c.rest-k, q[k:]
			continue
		}
		c.head, q = append(c.head, q[0]), q[1:]
		if len(c.head) == 5 {
			c.rest = int(c.head[3])<<8 | int(c.head[4])
			c.head = c.head[:0]
			c.records.Add(1)
		}
	}
	return c.Conn.Write(p)
}

func drainLane(t testing.TB, c *command) (n int) {
	t.Helper()
	for {
		p, err := c.stream.Next(context.Background(), frame.LaneOut)
		if err == io.EOF {
			return n
		}
		require.NoError(t, err)
		n += len(p)
		c.stream.Advance(frame.LaneOut, len(p))
	}
}

// calls counts what would be system calls.
type calls struct {
	net.Conn
	reads, writes, in, out atomic.Int64
}

func (c *calls) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.reads.Add(1)
	c.in.Add(int64(n))
	return n, err
}

func (c *calls) Write(p []byte) (int, error) {
	c.writes.Add(1)
	n, err := c.Conn.Write(p)
	c.out.Add(int64(n))
	return n, err
}

func TestABatchIsOneWriteBelowTLSForEach112KiB(t *testing.T) {
	a, b := newWire(0, 1<<20)
	daemon := &calls{Conn: b}
	y := tally{}
	got := make(chan served, 1)
	go func() {
		l, err := Server(context.Background(), daemon, serverConfig(&y))
		got <- served{l, err}
	}()
	client, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey})
	require.NoError(t, err)
	r := <-got
	require.NoError(t, r.err)
	skipped := func(n int) []byte { // a frame of any size that mux's reader skips
		return append(frame.Header{Length: uint32(n - frame.HeaderSize), Type: frame.Skippable}.Append(nil), make([]byte, n-frame.HeaderSize)...)
	}
	// The third is behind TLS's small first records.
	for _, v := range []struct{ size, writes int }{{10, 1}, {1000, 1}, {200 << 10, 2}, {1 << 14, 1}, {1<<14 + 1, 1}, {112 << 10, 1}, {256 << 10, 3}} {
		before := daemon.writes.Load()
		_, err := r.l.channel.Write(skipped(v.size))
		require.NoError(t, err)
		require.EqualValues(t, v.writes, daemon.writes.Load()-before, "%d bytes", v.size)
	}
	client.Close()
	require.NoError(t, client.Wait())
	require.Error(t, r.l.Wait())
}

func TestSystemCallsAMebibyte(t *testing.T) {
	const size = 64 << 20
	var daemon *calls
	x := startBox(t, nil, func(nc net.Conn) net.Conn { daemon = &calls{Conn: nc}; return daemon }, func(l *Link) {
		if st, err := l.Accept(context.Background()); err == nil {
			_, _ = st.Write(frame.LaneOut, make([]byte, size))
			_ = st.CloseLane(frame.LaneOut)
		}
	})
	nc := &calls{Conn: dial(t, x.addr)}
	var c command
	l, err := Client(context.Background(), nc, ClientConfig{Credentials: adminKey, First: c.first})
	require.NoError(t, err)
	require.Equal(t, size, drainLane(t, &c))
	require.NoError(t, x.next(t).err)
	l.Close()
	require.NoError(t, l.Wait())
	perMiB := func(n int64) float64 { return float64(n) / (size >> 20) }
	t.Logf("a MiB: %.1f writes by the daemon, %.1f reads and %.1f writes by the client (64 records)",
		perMiB(daemon.writes.Load()), perMiB(nc.reads.Load()), perMiB(nc.writes.Load()))
	require.Less(t, perMiB(daemon.writes.Load()), 24.0, "TLS alone would make 64")
	require.Less(t, perMiB(nc.reads.Load()), 40.0, "TLS alone would make 128")
}

func TestAnIdleLinkIsSmall(t *testing.T) {
	const links = 200
	x := startBox(t, nil, nil, nil)
	measure := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	one := func() {
		_, _ = mustConnect(t, x, ClientConfig{Pin: boxPin()})
	}
	one() // what is made once
	before := measure()
	for range links {
		one()
	}
	each := (measure() - before) / links
	t.Logf("an idle link takes %d KiB, both ends together", each>>10)
	require.Less(t, each, uint64(200<<10))
}

func TestALinkThatWasBusyGivesItsLargeBuffersBack(t *testing.T) {
	x := startBox(t, nil, nil, func(l *Link) {
		if st, err := l.Accept(context.Background()); err == nil {
			_, _ = st.Write(frame.LaneOut, make([]byte, 8<<20))
			_ = st.CloseLane(frame.LaneOut)
		}
	})
	var c command
	client, daemon := mustConnect(t, x, ClientConfig{First: c.first})
	require.Equal(t, 8<<20, drainLane(t, &c))
	for range 2 { // two words each way, as a verdict and its answer
		_, err := client.Ping(context.Background())
		require.NoError(t, err)
		_, err = daemon.Ping(context.Background())
		require.NoError(t, err)
	}
	client.Abort(context.Canceled)
	_, _ = client.Wait(), daemon.Wait() // so that the fields can be looked at
	for _, l := range []*Link{client, daemon} {
		require.Nil(t, l.channel.below.inLent)
		require.Nil(t, l.channel.below.outLent)
	}
}

func TestALostPeerEndsEveryStream(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	var c command
	client, daemon := mustConnect(t, x, ClientConfig{First: c.first})
	daemon.Abort(fmt.Errorf("gone"))
	err := client.Wait()
	var lost *frame.ConnError
	require.ErrorAs(t, err, &lost)
	_, _, err = c.stream.Recv(context.Background())
	require.ErrorAs(t, err, &lost)
	require.Error(t, daemon.Wait())
}

func TestALinkKnowsWhoIsThere(t *testing.T) {
	x := startBox(t, func(c *ServerConfig) { c.Auth.Params = hmacauth.Params{MaxFrame: 4096, Window: 1 << 16} }, nil, nil)
	var cmd command
	c, d := mustConnect(t, x, ClientConfig{First: cmd.first})
	require.Equal(t, hmacauth.Peer{KeyID: "admin", ServerID: "box"}, d.Peer)
	require.Equal(t, boxID().Pin(), c.Pin)
	require.Equal(t, boxID().Pin(), d.Pin)
	require.Equal(t, d.Params, c.Params)
	require.EqualValues(t, 4096, c.Params.MaxFrame)
	require.NotZero(t, c.Params.ConnID)
	require.Equal(t, x.addr, c.Remote.String())
	require.Equal(t, c.Local.String(), d.Remote.String())

	st, err := d.Accept(context.Background())
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() { _, err := cmd.stream.Write(frame.LaneIn, make([]byte, 60<<10)); sent <- err }()
	for got := 0; got < 60<<10; {
		p, err := st.Next(context.Background(), frame.LaneIn)
		require.NoError(t, err, "frames of more than 4096 bytes end the connection")
		got += len(p)
		st.Advance(frame.LaneIn, len(p))
	}
	require.NoError(t, <-sent)
}

func TestBothSidesKeepThePingTimesOfM4UnlessTheClientHasItsOwn(t *testing.T) {
	for name, v := range map[string]struct {
		cfg    ClientConfig
		client time.Duration
	}{
		"as M4 says": {ClientConfig{}, 21 * time.Second},
		"its own":    {ClientConfig{Ping: 5 * time.Second, PingCount: 1}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cw, dw := newWire(0, 64<<10)
				got := make(chan served)
				go func() {
					var y tally
					cfg := serverConfig(&y)
					cfg.Auth.Params = hmacauth.Params{PingSeconds: 7, PingCount: 2}
					l, err := Server(context.Background(), dw, cfg)
					got <- served{l, err}
				}()
				v.cfg.Credentials = adminKey
				client, err := Client(context.Background(), cw, v.cfg)
				require.NoError(t, err)
				r := <-got
				require.NoError(t, r.err)
				began := time.Now()
				for _, w := range []*wire{cw, dw} { // the cable is pulled
					w.in.mu.Lock()
					w.in.lag = 24 * time.Hour
					w.in.mu.Unlock()
				}
				lost := make(chan time.Duration, 1)
				go func() { _ = client.Wait(); lost <- time.Since(began) }()
				require.ErrorContains(t, r.l.Wait(), "no answer for 21s")
				require.Equal(t, 21*time.Second, time.Since(began))
				require.Equal(t, v.client, <-lost)
			})
		})
	}
}
