package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// blocks reads r in blocks of one size.
type blocks struct {
	r    io.Reader
	size int
}

func (b blocks) Read(p []byte) (int, error) { return b.r.Read(p[:min(len(p), b.size)]) }

func TestSem11_UploadsComeBackBitForBit(t *testing.T) {
	data := make([]byte, 700_001)
	seed := rand.NewChaCha8([32]byte{})
	_, _ = seed.Read(data)
	for _, size := range []int{1, 10, 100, 1000, 16383, 16384, 16385, 65535, 65536, 65537, 256 << 10} {
		part := data[:min(len(data), size*3000+1)]
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			r, _ := must(t, frame.Start{}, IO{Stdin: blocks{bytes.NewReader(part), size}, Stdout: &out}, func(p *proc) {
				_, _ = io.Copy(p.out, p.in)
				p.leave(0)
			})
			assert.Equal(t, sha256.Sum256(part), sha256.Sum256(out.Bytes()), "blocks of %d", size)
			assert.Equal(t, uint64(len(part)), r.Verdict.In)
		})
	}
}

func TestSem12_EachOutputComesWholeAfterTheOthersEnd(t *testing.T) {
	for _, early := range []uint8{frame.LaneOut, frame.LaneErr} {
		synctest.Test(t, func(t *testing.T) {
			var out, errs bytes.Buffer
			must(t, frame.Start{}, IO{Stdout: &out, Stderr: &errs}, func(p *proc) {
				first, second := p.out, p.err
				if early == frame.LaneErr {
					first, second = second, first
				}
				_, _ = first.Write(bytes.Repeat([]byte("1"), 1<<20))
				first.drop()
				_, _ = second.Write(bytes.Repeat([]byte("2"), 1<<20))
				p.leave(0)
			})
			assert.Len(t, out.String(), 1<<20)
			assert.Len(t, errs.String(), 1<<20)
			assert.Equal(t, 1<<20, strings.Count(out.String(), out.String()[:1]), "no mixing")
			assert.Equal(t, 1<<20, strings.Count(errs.String(), errs.String()[:1]), "no mixing")
		})
	}
}

func TestSem13_StdinEOFIsHalfClose(t *testing.T) {
	for _, input := range []string{"0000", ""} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			r, _ := must(t, frame.Start{}, IO{Stdin: strings.NewReader(input), Stdout: &out}, func(p *proc) {
				b, err := io.ReadAll(p.in)
				assert.NoError(t, err)
				time.Sleep(time.Minute)
				_, _ = p.out.Write(b)
				p.leave(0)
			})
			assert.Equal(t, input, out.String())
			assert.Equal(t, uint64(len(input)), r.Verdict.In)
		})
	}
}

func TestSem13_NilStdinReadsNothingAndLane1CarriesNothing(t *testing.T) {
	for _, s := range []struct {
		start frame.Start
		stdin io.Reader
	}{{frame.Start{}, nil}, {frame.Start{NoStdin: true}, strings.NewReader("never read")}} {
		synctest.Test(t, func(t *testing.T) {
			r, d := must(t, s.start, IO{Stdin: s.stdin}, func(p *proc) { p.leave(0) })
			assert.True(t, d.start.NoStdin)
			assert.Zero(t, r.Verdict.In)
			assert.Zero(t, r.In)
		})
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestSem14_EndlessInputDoesNotOutliveTheCommand(t *testing.T) {
	for name, script := range map[string]func(p *proc){
		"exits":       func(p *proc) { time.Sleep(time.Second); p.leave(9) },
		"closes":      func(p *proc) { _, _ = p.in.Read(make([]byte, 10)); p.in.Close(); time.Sleep(time.Hour); p.leave(9) },
		"reads never": func(p *proc) { time.Sleep(time.Hour); p.leave(9) },
	} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := must(t, frame.Start{}, IO{Stdin: zeros{}}, script)
			assert.Equal(t, int64(9), r.Verdict.Code, name)
			assert.LessOrEqual(t, r.Verdict.In, r.In, name)
		})
	}
}

func TestSem14_AStdinThatNobodyFeedsDoesNotHoldTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stdin := newNever(t)
		r, _ := must(t, frame.Start{}, IO{Stdin: stdin}, func(p *proc) { time.Sleep(time.Second); p.leave(2) })
		assert.Equal(t, int64(2), r.Verdict.Code)
		close(stdin.gone)
	})
}

// heads is `head -1`: one write, then nobody reads.
type heads struct {
	bytes.Buffer
	lines int
}

func (h *heads) Write(p []byte) (int, error) {
	if h.lines == 0 {
		return 0, syscall.EPIPE
	}
	h.lines--
	return h.Buffer.Write(p)
}

func yes(p *proc) {
	for {
		if _, err := p.out.Write([]byte("y\n")); err != nil {
			p.die("PIPE")
			return
		}
	}
}

func TestSem15_AReaderThatLeavesEndsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r, d := must(t, frame.Start{}, IO{Stdout: &heads{lines: 1}}, yes)
		assert.Equal(t, "PIPE", r.Verdict.Signal)
		assert.True(t, r.StoppedOut)
		assert.Zero(t, time.Since(begin), "nothing is waited for")
		assert.Empty(t, d.p.said())
		assert.Zero(t, r.Verdict.Held)
	})
}

func TestSem15_AStoppedReaderDoesNotStopASilentCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		r, _ := must(t, frame.Start{}, IO{Stdout: &heads{}, Stderr: &errs}, func(p *proc) {
			_, _ = p.out.Write([]byte("x"))
			time.Sleep(time.Hour)
			_, _ = p.err.Write([]byte("still here"))
			p.leave(5)
		})
		assert.Equal(t, int64(5), r.Verdict.Code)
		assert.Equal(t, "still here", errs.String())
	})
}

func TestSem16_ASlowReaderGetsEveryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		go func() { time.Sleep(3 * time.Second); close(out.open) }()
		must(t, frame.Start{Linger: 2000}, IO{Stdout: out}, func(p *proc) {
			for range 200_000 {
				_, _ = p.out.Write([]byte("y\n"))
			}
			p.leave(0)
		})
		assert.Equal(t, 200_000, strings.Count(out.String(), "y\n"))
	})
}

func TestSem17_AStalledReaderStopsTheProducerAndNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		produced := 0
		p := newProc(t)
		p.onSignal = func(name string) {
			if name == "INT" {
				p.die(name)
			}
		}
		c, d := begin(t, t.Context(), frame.Start{Terminal: &frame.Terminal{}}, IO{Stdin: zeros{}, Stdout: out}, Config{}, p, func(p *proc) {
			for {
				n, err := p.out.Write(make([]byte, 1000))
				produced += n
				if err != nil {
					return
				}
			}
		})
		synctest.Wait()
		assert.LessOrEqual(t, produced, 3*window+pipeSize, "both windows, what is under way, and the pipe")
		require.NoError(t, c.Signal("USR1"))
		require.NoError(t, c.Resize(frame.Size{Rows: 50, Cols: 200}))
		require.NoError(t, c.Signal("INT"))
		synctest.Wait()
		assert.Equal(t, []string{"signal USR1@0s", "resize 50x200@0s", "signal INT@0s"}, d.p.said())
		close(out.open)
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, "INT", r.Verdict.Signal)
		assert.Equal(t, uint64(len(out.String())), r.Verdict.Out)
		<-d.done
	})
}

func TestSem17_CancelWorksWhileBothWaysAreStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		c, d := begin(t, t.Context(), frame.Start{}, IO{Stdin: zeros{}, Stdout: out}, Config{}, newProc(t), yes)
		synctest.Wait()
		require.NoError(t, c.Cancel(frame.CancelUser))
		synctest.Wait()
		assert.Equal(t, []string{"terminate@0s"}, d.p.said())
		time.Sleep(time.Hour)
		close(out.open)
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Equal(t, frame.Canceled, r.Verdict.Kind)
		assert.Equal(t, uint64(len(out.String())), r.Verdict.Out, "what the pipe held is delivered, however late")
		<-d.done
	})
}

func TestSem18_AStalledStdoutDoesNotStallStderr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		var errs buffer
		c, d := begin(t, t.Context(), frame.Start{}, IO{Stdout: out, Stderr: &errs}, Config{}, newProc(t), func(p *proc) {
			go yes(p)
			_, _ = p.err.Write(make([]byte, 1<<20))
		})
		synctest.Wait()
		assert.Len(t, errs.String(), 1<<20)
		close(out.open)
		require.NoError(t, c.Cancel(frame.CancelUser))
		_, err := c.Wait()
		require.NoError(t, err)
		<-d.done
	})
}

// background prints hello, leaves a member of the tree that holds both outputs, and ends with 0 at once. The member
// prints every 100 ms.
func background(p *proc) {
	p.spawn()
	_, _ = p.out.Write([]byte("hello\n"))
	p.leave(0)
}

func TestSem19_ABackgroundHolderIsWaitedForAsLongAsTheLinger(t *testing.T) {
	for _, linger := range []int64{0, 1, 2000, 7777} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			begin := time.Now()
			r, d := must(t, frame.Start{Linger: linger}, IO{Stdout: &out}, background)
			took := time.Since(begin) - time.Duration(linger)*time.Millisecond
			assert.True(t, took >= 0 && took <= (1+probes)*probeTime, "took %v more", took)
			assert.Equal(t, "hello\n", out.String())
			assert.Equal(t, frame.Exited, r.Verdict.Kind)
			assert.Equal(t, frame.HeldOut|frame.HeldErr, r.Verdict.Held)
			assert.Equal(t, uint32(1), r.Verdict.Survivors)
			assert.Empty(t, d.p.said(), "what it left running lives on")
			d.p.empty()
		})
	}
}

func TestSem19_LingerEndsWithTheHolder(t *testing.T) {
	for _, linger := range []int64{2000, frame.LingerForever} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			begin := time.Now()
			r, _ := must(t, frame.Start{Linger: linger}, IO{Stdout: &out}, func(p *proc) {
				background(p)
				time.Sleep(1500 * time.Millisecond)
				_, _ = p.out.Write([]byte("late\n"))
				p.empty()
			})
			assert.Equal(t, 1500*time.Millisecond, time.Since(begin))
			assert.Equal(t, "hello\nlate\n", out.String())
			assert.Zero(t, r.Verdict.Held)
			assert.Zero(t, r.Verdict.Wall, "the leader's time")
		})
	}
}

func TestSem19_LingerForeverHasNoBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r, _ := must(t, frame.Start{Linger: frame.LingerForever}, IO{}, func(p *proc) {
			background(p)
			time.Sleep(1000 * time.Hour)
			p.empty()
		})
		assert.Equal(t, 1000*time.Hour, time.Since(begin))
		assert.Zero(t, r.Verdict.Held)
	})
}

// TestSem19_ExactlyWhatThePipeHeldReachesAReaderHoweverSlow lets the holder write on after the linger: what was in the
// pipe when the linger passed is delivered to the byte, and nothing of what came later.
func TestSem19_ExactlyWhatThePipeHeldReachesAReaderHoweverSlow(t *testing.T) {
	for _, before := range []int{1, 1000, pipeSize, window + 1, 2*window + pipeSize - 1, 3*window + pipeSize, 10 << 20} {
		synctest.Test(t, func(t *testing.T) {
			out := newSlow()
			var writer sync.WaitGroup
			var wrote atomic.Int64
			c, d := begin(t, t.Context(), frame.Start{Linger: 2000}, IO{Stdout: out}, Config{}, newProc(t), func(p *proc) {
				p.spawn()
				writer.Go(func() {
					n, _ := p.out.Write(bytes.Repeat([]byte("b"), before))
					wrote.Store(int64(n))
					time.Sleep(2*time.Second + 1)
					for {
						if _, err := p.out.Write([]byte("LATE")); err != nil {
							return
						}
						time.Sleep(10 * time.Millisecond)
					}
				})
				p.leave(0)
			})
			time.Sleep(2 * time.Second)
			synctest.Wait()
			expected := int(wrote.Load())
			if expected == 0 { // it is still blocked: all that fits was written
				held, err := d.p.out.Pending()
				require.NoError(t, err)
				expected = int(d.w.daemon.Sent(frame.LaneOut)) + len(d.w.daemon.out[frame.LaneOut].buf) + held
			}
			time.Sleep(time.Minute)
			close(out.open)
			r, err := c.Wait()
			require.NoError(t, err)
			assert.Equal(t, frame.HeldOut, r.Verdict.Held&frame.HeldOut)
			assert.Equal(t, expected, len(out.String()))
			assert.Equal(t, expected, strings.Count(out.String(), "b"), "nothing that came later")
			<-d.done
			writer.Wait()
			d.p.empty()
		})
	}
}

func TestSem19_ACutThatMeetsTheEndHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newSlow()
		c, d := begin(t, t.Context(), frame.Start{Linger: 10}, IO{Stdout: out}, Config{}, newProc(t), func(p *proc) {
			_, _ = p.out.Write(make([]byte, 3*window))
			p.leave(0)
		})
		time.Sleep(time.Minute)
		close(out.open)
		r, err := c.Wait()
		require.NoError(t, err)
		assert.Zero(t, r.Verdict.Held)
		assert.Equal(t, uint64(3*window), r.Verdict.Out)
		<-d.done
	})
}

func TestSem32_ATerminalDoesNotLinger(t *testing.T) {
	for _, size := range []int{0, 1, 2, 100, 20001, 41234} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			begin := time.Now()
			r, d := must(t, frame.Start{Terminal: &frame.Terminal{}, Linger: frame.LingerForever}, IO{Stdout: &out}, func(p *proc) {
				_, _ = p.out.Write(make([]byte, size))
				p.leave(0)
			})
			assert.Len(t, out.String(), size)
			assert.Zero(t, time.Since(begin))
			assert.Zero(t, r.Verdict.Held)
			assert.Nil(t, d.p.Stderr())
		})
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r, d := must(t, frame.Start{Terminal: &frame.Terminal{}, Linger: frame.LingerForever}, IO{}, background)
		assert.LessOrEqual(t, time.Since(begin), probeTimeTerminal+(probes-1)*probeTime, "a background job that keeps the terminal is not waited for")
		assert.Equal(t, frame.HeldOut, r.Verdict.Held)
		d.p.empty()
	})
}

type badInput struct{ reason frame.CancelReason }

func (e badInput) Error() string                    { return fmt.Sprintf("cannot say %d", e.reason) }
func (e badInput) CancelReason() frame.CancelReason { return e.reason }

// TestHalfAnInputIsNeverTakenForAWholeOne: a reader that fails cancels and sends no EOF.
func TestHalfAnInputIsNeverTakenForAWholeOne(t *testing.T) {
	for _, bad := range []error{badInput{frame.CancelText}, syscall.EIO} {
		synctest.Test(t, func(t *testing.T) {
			p := newProc(t)
			p.onTerminate = func() { time.AfterFunc(time.Second, func() { p.die("TERM") }) }
			stdin := io.MultiReader(strings.NewReader("half"), errReader{bad})
			c, d := begin(t, t.Context(), frame.Start{}, IO{Stdin: stdin}, Config{}, p, func(p *proc) {
				b, err := io.ReadAll(p.in)
				assert.Error(t, err, "EOF must not come")
				assert.Equal(t, "half", string(b))
			})
			r, err := c.Wait()
			<-d.done
			var local *LocalError
			require.ErrorAs(t, err, &local)
			assert.Equal(t, frame.LaneIn, local.Lane)
			assert.ErrorIs(t, err, bad)
			assert.Equal(t, frame.Canceled, r.Verdict.Kind)
			assert.Equal(t, []string{"terminate@0s"}, d.p.said())
		})
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// TestALostUploadDoesNotEnd: the same when the connection goes: the command is ended, not told that its input is whole.
func TestALostUploadDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stdin := newNever(t)
		sawEnd := false
		p := newProc(t)
		p.onTerminate = func() {}
		c, d := begin(t, t.Context(), frame.Start{}, IO{Stdin: stdin}, Config{}, p, func(p *proc) {
			_, err := p.in.Read(make([]byte, 1))
			sawEnd = err == io.EOF
		})
		synctest.Wait()
		d.w.lose(context.DeadlineExceeded)
		_, err := c.Wait()
		require.Error(t, err)
		<-d.done
		assert.False(t, sawEnd)
		assert.Equal(t, []string{"terminate@0s", "kill@5s"}, d.p.said())
		close(stdin.gone)
	})
}
