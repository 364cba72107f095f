package mux

import (
	"context"
	"net"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// tcp gives the two ends of a connection over loopback.
func tcp(tb testing.TB) (a, b Transport) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	x, err := net.Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	y, err := l.Accept()
	require.NoError(tb, err)
	return x.(*net.TCPConn), y.(*net.TCPConn)
}

// benchBulk carries b.N blocks on one lane.
func benchBulk(b *testing.B, x, y Transport, block int) {
	c, d := bothOver(x, y, Config{RTT: time.Millisecond}, Config{})
	ctx := context.Background()
	cs, err := c.Open(frame.KindExec, [2]uint64{256 << 10, 0}, false)
	require.NoError(b, err)
	ds, err := d.Accept(ctx)
	require.NoError(b, err)
	p := make([]byte, block)
	b.SetBytes(int64(block))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := ds.Write(2, p); err != nil {
				return
			}
		}
		_ = ds.CloseLane(2)
	}()
	for {
		q, err := cs.Next(ctx, 2)
		if err != nil {
			break
		}
		cs.Advance(2, len(q))
	}
	b.StopTimer()
	require.EqualValues(b, b.N*block, cs.Received(2))
	c.Close()
	<-c.done
	d.Close()
	<-d.done
}

func BenchmarkBulkPipe(b *testing.B) {
	x, y := duplexes()
	benchBulk(b, x, y, 64<<10)
}

func BenchmarkBulkTCP(b *testing.B) {
	x, y := tcp(b)
	benchBulk(b, x, y, 64<<10)
}

func BenchmarkSmallWritesTCP(b *testing.B) {
	x, y := tcp(b)
	benchBulk(b, x, y, 100)
}

// BenchmarkPingUnderBulkTCP measures a message's round trip beside a lane in full flow.
func BenchmarkPingUnderBulkTCP(b *testing.B) {
	x, y := tcp(b)
	c, d := bothOver(x, y, Config{}, Config{})
	ctx := context.Background()
	cs, err := c.Open(frame.KindExec, [2]uint64{256 << 10, 0}, false)
	require.NoError(b, err)
	ds, err := d.Accept(ctx)
	require.NoError(b, err)
	go func() {
		p := make([]byte, 64<<10)
		for {
			if _, err := ds.Write(2, p); err != nil {
				return
			}
		}
	}()
	go func() {
		for {
			q, err := cs.Next(ctx, 2)
			if err != nil {
				return
			}
			cs.Advance(2, len(q))
		}
	}()
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		rtt, err := c.Ping(ctx)
		require.NoError(b, err)
		took = append(took, rtt)
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	c.Close()
	<-c.done
	d.Close()
	<-d.done
}
