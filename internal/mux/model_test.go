package mux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"rexec/frame"
)

// op is one step of a random program on one of its streams.
type op struct {
	do     string
	stream int
	daemon bool  // which end does it
	lane   uint8 // of that end: what it sends for write and closelane, what it receives for read and stop
	n      int
}

func drawProgram(t *rapid.T) (streams int, program []op) {
	streams = rapid.IntRange(1, 5).Draw(t, "streams")
	step := rapid.Custom(func(t *rapid.T) op {
		o := op{
			do:     rapid.SampledFrom([]string{"write", "write", "write", "write", "read", "read", "read", "closelane", "stop", "send", "wait", "close", "reset"}).Draw(t, "do"),
			stream: rapid.IntRange(0, streams-1).Draw(t, "stream"),
			daemon: rapid.Bool().Draw(t, "daemon"),
			n:      rapid.SampledFrom([]int{0, 1, 7, 1000, 4095, 4096, 4097, 65535, 65536, 65537, 300000}).Draw(t, "n"),
		}
		sends := o.daemon == (o.do == "write" || o.do == "closelane")
		if o.lane = frame.LaneIn; sends {
			o.lane = rapid.SampledFrom([]uint8{frame.LaneOut, frame.LaneErr}).Draw(t, "lane")
		}
		return o
	})
	return streams, rapid.SliceOfN(step, 0, 80).Draw(t, "program")
}

// flow is the model of one lane: what its writer was told it wrote, what its reader got, and who meddled.
type flow struct {
	id       uint16
	lane     uint8
	from, to *Stream
	jobs     chan int // writes of so many bytes; -1: CloseLane
	idle     sync.WaitGroup
	wrote    uint64
	read     uint64
	bad      string // a broken rule
	end      error  // what Next ended with
	stopped  bool
}

// writer works off jobs, so that a Write that waits for credit does not hold the program up.
func (f *flow) writer() {
	closed := false
	for n := range f.jobs {
		switch {
		case n < 0:
			closed = true
			_ = f.from.CloseLane(f.lane)
		case !closed:
			k, err := f.from.Write(f.lane, patterned(f.id, f.lane, f.wrote, n))
			f.wrote += uint64(k)
			if k < n && err == nil {
				f.bad = "a short Write without an error"
			}
		}
		f.idle.Done()
	}
}

func (f *flow) do(n int) { f.idle.Add(1); f.jobs <- n }

// take reads up to n bytes; n below 0: to the end.
func (f *flow) take(ctx context.Context, n int) {
	for n != 0 && f.end == nil {
		p, err := f.to.Next(ctx, f.lane)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				f.end = err
			}
			return
		}
		if n > 0 {
			p = p[:min(n, len(p))]
			n -= len(p)
		}
		for i, b := range p {
			if b != pattern(f.id, f.lane, f.read+uint64(i)) {
				f.bad = fmt.Sprintf("a wrong byte at %d", f.read+uint64(i))
			}
		}
		f.read += uint64(len(p))
		f.to.Advance(f.lane, len(p))
	}
}

// runProgram gives what broke, or "".
func runProgram(ctx context.Context, streams int, program []op, client, daemon Config) string {
	c, d := both(client, daemon)
	type both struct {
		c, d  *Stream
		flows [4]*flow
		ended bool
	}
	var all []*both
	for range streams {
		cs, err := c.Open(frame.KindExec, [2]uint64{65536, 100000}, false)
		if err != nil {
			return err.Error()
		}
		ds, err := d.Accept(ctx)
		if err != nil {
			return err.Error()
		}
		b := &both{c: cs, d: ds}
		for lane := frame.LaneIn; lane <= frame.LaneErr; lane++ {
			f := &flow{id: cs.id, lane: lane, from: ds, to: cs, jobs: make(chan int, 100)}
			if lane == frame.LaneIn {
				f.from, f.to = cs, ds
			}
			go f.writer()
			b.flows[lane] = f
		}
		_ = cs.Send(frame.TypeStart, []byte{0xa0})
		all = append(all, b)
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // what a read with it finds is there already
	for _, o := range program {
		b := all[o.stream]
		s := b.c
		if o.daemon {
			s = b.d
		}
		f := b.flows[o.lane]
		switch o.do {
		case "write":
			f.do(o.n)
		case "closelane":
			f.do(-1)
		case "read":
			synctest.Wait()
			f.take(now, o.n)
		case "stop":
			s.Stop(o.lane)
			f.stopped = true
		case "send":
			if o.daemon {
				_ = s.Send(frame.TypeVerdict, []byte{0xa0})
			} else {
				_ = s.Send(frame.TypeVerdictAck, nil)
			}
		case "close":
			_ = s.Close()
			b.ended = true
		case "reset":
			s.Reset(frame.CodeCanceled, "by the program")
			b.ended = true
		case "wait":
			time.Sleep(time.Duration(o.n) * time.Millisecond)
		}
	}
	var readers sync.WaitGroup
	for _, b := range all {
		for _, f := range b.flows[1:] {
			f.do(-1)
			close(f.jobs)
			readers.Go(func() { f.take(ctx, -1) })
		}
	}
	readers.Wait()
	for _, b := range all {
		for _, f := range b.flows[1:] {
			f.idle.Wait()
			what := fmt.Sprintf("stream %d lane %d: ", f.id, f.lane)
			received := f.to.Received(f.lane) // first: behind a STOP more may be sent at this moment
			sent := f.from.Sent(f.lane)
			switch {
			case f.bad != "":
				return what + f.bad
			case f.read > f.wrote || f.read > received || received > sent || sent > f.wrote:
				return what + fmt.Sprintf("read %d <= received %d <= sent %d <= written %d does not hold", f.read, received, sent, f.wrote)
			case f.stopped && !b.ended && f.end != frame.ErrStopped && f.end != io.EOF:
				return what + fmt.Sprintf("ended with %v behind STOP", f.end)
			case f.end == io.EOF && f.read != received:
				return what + "a clean EOF before everything was read"
			case f.end == io.EOF && f.read != f.wrote && !f.stopped:
				return what + fmt.Sprintf("a clean EOF at %d of %d", f.read, f.wrote)
			case !f.stopped && !b.ended && (f.end != io.EOF || f.read != f.wrote):
				return what + fmt.Sprintf("read %d of %d, then %v", f.read, f.wrote, f.end)
			}
		}
		_ = b.c.Close()
		_ = b.d.Close()
		<-b.c.Context().Done()
		<-b.d.Context().Done()
	}
	if c.Streams() != 0 || d.Streams() != 0 {
		return "streams stay in the table"
	}
	if u := c.memory.Used() + d.memory.Used(); u != 0 {
		return fmt.Sprintf("%d bytes of the budget were not given back", u)
	}
	c.Close()
	<-c.done
	d.Close()
	<-d.done
	if c.err != nil {
		return c.err.Error()
	}
	return ""
}

// "send" may say a second VERDICT, which the client answers with the end of the connection: the program above says it
// once a stream at most.
func once(program []op) []op {
	said := map[op]bool{}
	var out []op
	for _, o := range program {
		if key := (op{do: o.do, stream: o.stream, daemon: o.daemon}); o.do == "send" {
			if said[key] {
				continue
			}
			said[key] = true
		}
		out = append(out, o)
	}
	return out
}

func TestRandomProgramsKeepEveryByteInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		streams, program := drawProgram(rt)
		cfg := Config{
			MaxFrame: rapid.SampledFrom([]uint32{1024, 5000, 65536}).Draw(rt, "max_frame"),
			RTT:      time.Duration(rapid.IntRange(0, 50).Draw(rt, "rtt")) * time.Millisecond,
		}
		broken := ""
		synctest.Test(t, func(t *testing.T) {
			broken = runProgram(t.Context(), streams, once(program), cfg, cfg)
		})
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}
