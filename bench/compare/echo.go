//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Keys come as from somebody who types very fast, never in step with anything.
const (
	shortestGap = 2 * time.Millisecond
	longestGap  = 8 * time.Millisecond
	warmKeys    = 30
)

// echoing is what runs on the remote terminal: as with a shell's own line editor, a program gives back what is typed.
func echoing(keys int) string {
	return fmt.Sprintf("stty raw -echo; printf ready; exec dd bs=1 count=%d 2>/dev/null", keys+warmKeys)
}

// loading moves 1 GiB.
const loading = "dd if=/dev/zero bs=131072 count=8192 2>/dev/null"

// measureEcho types on a remote terminal and times each key until it is back: alone, and beside a transfer over the same
// connection, which for ssh is its ControlMaster's. All four in turn; keys of all rounds are pooled.
func (p plan) measureEcho(ctx context.Context, t *table, rex *rexecd, ssh *sshd) error {
	if p.echo == 0 {
		return nil
	}
	var ours, theirs [2][]float64 // alone, beside
	var oursMoved, theirsMoved []float64
	terminal := func(c []string) []string {
		n := len(c) - 1
		return append(slices.Clone(c[:n]), "-tt", c[n], echoing(p.keys))
	}
	for range p.echo {
		for beside := range 2 {
			line := slices.Clone(rex.shared)
			if beside == 1 {
				line = append(line, "-load", loading)
			}
			took, said, err := keys(ctx, append(line, echoing(p.keys)), p.keys)
			if err != nil {
				return err
			}
			ours[beside] = append(ours[beside], took...)
			if beside == 1 {
				var bytes, ms float64
				if _, err := fmt.Sscanf(said, "moved %f bytes in %f ms", &bytes, &ms); err != nil {
					return fmt.Errorf("the load said %q: %w", said, err)
				}
				oursMoved = append(oursMoved, bytes/1e3/ms)
			}

			rate := func() float64 { return 0 }
			if beside == 1 {
				rate = transfers(ctx, command(ssh.shared, loading))
			}
			took, _, err = keys(ctx, terminal(ssh.shared), p.keys)
			moved := rate()
			if err != nil {
				return err
			}
			theirs[beside] = append(theirs[beside], took...)
			if beside == 1 {
				theirsMoved = append(theirsMoved, moved)
			}
		}
	}
	for beside, what := range []string{"key, alone", "key, beside a transfer"} {
		for _, q := range []struct {
			name string
			of   float64
		}{{"median", 0.5}, {"p99", 0.99}} {
			r := row{what: fmt.Sprintf("%s, %s", what, q.name), how: "ssh -tt over a ControlMaster", unit: "us",
				ours: quantile(ours[beside], q.of), theirs: quantile(theirs[beside], q.of), lower: true}
			if beside == 1 && q.of > 0.9 {
				r.aim, r.below = 1, 3*quantile(ours[0], q.of)
			}
			t.add(r)
		}
	}
	t.add(row{what: "transfer beside keys", how: "ssh over a ControlMaster", unit: "MB/s", ours: median(oursMoved), theirs: median(theirsMoved)})
	return nil
}

// keys types n keys on a terminal whose far end says ready and then echoes, and gives how many microseconds each took.
func keys(ctx context.Context, line []string, n int) (took []float64, said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	fail := func(err error) ([]float64, string, error) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, "", fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, errs.String())
	}
	b := make([]byte, len("ready"))
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "ready" {
		return fail(fmt.Errorf("%q instead of ready: %w", b, err))
	}
	for i := range n + warmKeys {
		time.Sleep(shortestGap + rand.N(longestGap-shortestGap))
		key := byte('a' + i%26)
		began := time.Now()
		if _, err := in.Write([]byte{key}); err != nil {
			return fail(err)
		}
		if _, err := io.ReadFull(out, b[:1]); err != nil {
			return fail(err)
		}
		d := time.Since(began)
		if b[0] != key {
			return fail(fmt.Errorf("%q came back for %q", b[0], key))
		}
		if i >= warmKeys {
			took = append(took, float64(d.Nanoseconds())/1e3)
		}
	}
	if err := cmd.Wait(); err != nil {
		return nil, "", fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, errs.String())
	}
	return took, errs.String(), nil
}

// transfers runs loading again and again until the function it gives is called, which says how many MB came a second; 0:
// none came to its end.
func transfers(ctx context.Context, line []string) func() float64 {
	ctx, stop := context.WithCancel(ctx)
	rate := make(chan float64)
	go func() {
		var whole int
		var took time.Duration
		for {
			d, err := timed(ctx, line, nil)
			if err != nil {
				break
			}
			whole++
			took += d
		}
		rate <- float64(whole) * (1 << 30) / 1e6 / max(took.Seconds(), 1e-9)
	}()
	return func() float64 { stop(); return <-rate }
}

// quantile is the value that the part q of all are below.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
