//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// timed runs a command line to its end. in nil: the null device. A failure is fatal: a fast failure must not count.
func timed(ctx context.Context, line []string, in *os.File) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	if in != nil {
		cmd.Stdin = in
	}
	var said strings.Builder
	cmd.Stderr = &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, said.String())
	}
	return took, nil
}

// command is a client's line with what is to run there.
func command(client []string, line string) []string { return append(slices.Clone(client), line) }

// measureCold times true, all three in turn; the first round warms and does not count.
func (p plan) measureCold(ctx context.Context, t *table, rex *rexecd, ssh *sshd) error {
	if p.cold == 0 {
		return nil
	}
	var took [3][]float64
	for round := range p.cold + 1 {
		for i, client := range [][]string{rex.client, ssh.client, ssh.shared} {
			d, err := timed(ctx, command(client, "true"), nil)
			if err != nil {
				return err
			}
			if round > 0 {
				took[i] = append(took[i], d.Seconds()*1e3)
			}
		}
	}
	cold := median(took[0])
	t.add(row{what: "cold true", how: "ssh cold", unit: "ms", ours: cold, theirs: median(took[1]), lower: true})
	t.add(row{what: "cold true", how: "ssh over a ready ControlMaster", unit: "ms", ours: cold, theirs: median(took[2]), lower: true, aim: 1})
	return nil
}

// measureBulk times both directions in turn. The far end's dd and cat move 128 KiB a call, what comes goes to
// /dev/null, and what goes comes from a file of holes: no disk is in it.
func (p plan) measureBulk(ctx context.Context, t *table, rex *rexecd, ssh *sshd) error {
	if p.bulk == 0 {
		return nil
	}
	holes, err := os.CreateTemp("", "rexec-compare-")
	if err != nil {
		return err
	}
	defer holes.Close()
	defer os.Remove(holes.Name())
	if err := holes.Truncate(p.in); err != nil {
		return err
	}
	give := fmt.Sprintf("dd if=/dev/zero bs=131072 count=%d 2>/dev/null", p.out>>17)
	var out, in [2][]float64
	for range p.bulk {
		for i, client := range [][]string{rex.client, ssh.client} {
			d, err := timed(ctx, command(client, give), nil)
			if err != nil {
				return err
			}
			out[i] = append(out[i], float64(p.out>>17<<17)/1e6/d.Seconds())
		}
		for i, client := range [][]string{rex.client, ssh.client} {
			if _, err := holes.Seek(0, io.SeekStart); err != nil {
				return err
			}
			d, err := timed(ctx, command(client, "cat >/dev/null"), holes)
			if err != nil {
				return err
			}
			in[i] = append(in[i], float64(p.in)/1e6/d.Seconds())
		}
	}
	const cipher = "ssh -c aes128-gcm@openssh.com"
	t.add(row{what: fmt.Sprintf("stdout, %d MiB", p.out>>20), how: cipher, unit: "MB/s", ours: median(out[0]), theirs: median(out[1]), aim: 1.25})
	t.add(row{what: fmt.Sprintf("stdin, %d MiB", p.in>>20), how: cipher, unit: "MB/s", ours: median(in[0]), theirs: median(in[1]), aim: 1.25})
	return nil
}

// measureIdle holds connections, with a command that sleeps and without one, and looks what the daemons' memory has
// grown by. For ssh that is the processes it starts for each connection.
func (p plan) measureIdle(ctx context.Context, t *table, rex *rexecd, ssh *sshd) error {
	if p.idle == 0 {
		return nil
	}
	for _, kind := range []struct {
		what       string
		rexec, ssh []string
		ready      [2]string // what a client says when it is there
	}{
		{"idle command", command(rex.client, sleeping), command(ssh.client, sleeping), [2]string{"ready", "ready"}},
		{"idle connection, -N", idle(rex.client), idle(ssh.client), [2]string{"proved", "Entering interactive session"}},
	} {
		if err := rex.again(ctx); err != nil {
			return err
		}
		if _, err := timed(ctx, command(rex.client, "true"), nil); err != nil { // what the first command needs, once
			return err
		}
		pid := rex.cmd.Process.Pid
		ours, err := grown(ctx, kind.rexec, kind.ready[0], p.idle, func() (int64, error) { return resident(pid) })
		if err != nil {
			return err
		}
		theirs, err := grown(ctx, kind.ssh, kind.ready[1], p.idle, func() (sum int64, err error) {
			for _, pid := range below(ssh.cmd.Process.Pid, filepath.Base(sshdPath), "sshd-session") {
				n, err := resident(pid)
				if err != nil {
					return 0, err
				}
				sum += n
			}
			return sum, nil
		})
		if err != nil {
			return err
		}
		t.add(row{what: "memory per " + kind.what, how: "sshd", unit: "KB", ours: ours, theirs: theirs, lower: true, below: 200})
	}
	return nil
}

// sleeping says its pid, so that it can be ended: sshd lets it live on when its client goes.
const sleeping = "echo ready $$; exec sleep 600"

// idle is a client's line for a connection without a command that says on stderr when it is there.
func idle(client []string) []string {
	n := len(client) - 1
	return append(slices.Clone(client[:n]), "-v", "-N", client[n])
}

// grown starts n clients, waits until each is ready, and gives what memory has grown by for each, in KB.
func grown(ctx context.Context, line []string, ready string, n int, memory func() (int64, error)) (float64, error) {
	before, err := memory()
	if err != nil {
		return 0, err
	}
	var clients []*exec.Cmd
	var sleepers []int
	defer func() {
		for _, c := range clients {
			_ = c.Process.Signal(syscall.SIGTERM)
		}
		for _, c := range clients {
			_ = c.Wait()
		}
		for _, pid := range sleepers {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}()
	for range n {
		c := exec.CommandContext(ctx, line[0], line[1:]...)
		r, w, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		defer r.Close()
		c.Stdout, c.Stderr = w, w
		err = c.Start()
		_ = w.Close()
		if err != nil {
			return 0, err
		}
		clients = append(clients, c)
		said, err := heard(r, ready)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", strings.Join(line, " "), err)
		}
		if pid, err := strconv.Atoi(strings.TrimPrefix(said, ready+" ")); err == nil {
			sleepers = append(sleepers, pid)
		}
	}
	if !pause(ctx, time.Second) {
		return 0, ctx.Err()
	}
	after, err := memory()
	return float64(after-before) / 1e3 / float64(n), err
}

// heard reads until a line has text in it, and gives that line.
func heard(r *os.File, text string) (string, error) {
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return lines.Text(), nil
		}
	}
	return "", fmt.Errorf("ended without saying %q: %w", text, lines.Err())
}
