//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/invoke"
	"rexec/internal/policy"
	"rexec/internal/server"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(panicVariable); where != "" {
		os.Exit(panicking(where))
	}
	goleak.VerifyTestMain(m)
}

// daemon serves on loopback until the test ends and says how to call it.
func daemon(t *testing.T) client.Config {
	t.Helper()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(policy.Key{ID: "admin", Secret: secret}))
	s, err := server.New(server.Config{Names: []string{"box"}, HostKey: key, Ring: ring, Shell: "/bin/sh", Grace: time.Second})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	return client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: secret, Pin: pin}
}

// buffer may be read while it is written; up is closed when "up\n" came.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	up   chan struct{}
	once sync.Once
}

func newBuffer() *buffer { return &buffer{up: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Write(p)
	if strings.Contains(b.b.String(), "up\n") {
		b.once.Do(func() { close(b.up) })
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// result is what one Run gave and left.
type result struct {
	code        int
	die         os.Signal
	out, status string
	errs        string
}

// run runs a shell line; sent are the signals that this process gets as soon as it said "up".
func run(t *testing.T, cfg client.Config, line string, opt invoke.Options, sent ...os.Signal) result {
	t.Helper()
	c := client.New(cfg)
	out, errs, status := newBuffer(), newBuffer(), newBuffer()
	signals := make(chan os.Signal)
	if opt.Stdout == nil {
		opt.Stdout = out
	}
	opt.Host, opt.Stderr, opt.Status, opt.Signals = "box", errs, status, signals
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		if len(sent) == 0 {
			return
		}
		<-out.up
		for _, s := range sent {
			select {
			case signals <- s:
			case <-done:
			}
		}
	})
	r := result{}
	r.code, r.die = invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, line) }, opt)
	close(done)
	sending.Wait()
	require.NoError(t, c.Close())
	r.out, r.errs, r.status = out.String(), errs.String(), status.String()
	return r
}

func TestSem1_TheCommandsOwnCodeAndNothingElseOnStderr(t *testing.T) {
	r := run(t, daemon(t), "echo out; echo error >&2; exit 44", invoke.Options{})
	assert.Equal(t, 44, r.code)
	assert.Nil(t, r.die)
	assert.Equal(t, "out\n", r.out)
	assert.Equal(t, "error\n", r.errs)
	assert.Contains(t, r.status, `"exit":44`)
}

func TestSem24_WhoseCommandDiesOfAForwardedSignalDiesToo(t *testing.T) {
	cfg := daemon(t)
	for s, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGQUIT: 131} {
		r := run(t, cfg, "echo up; exec sleep 30", invoke.Options{}, s)
		assert.Equal(t, code, r.code)
		assert.Equal(t, s, r.die)
		assert.Empty(t, r.errs)
	}
}

func TestSem24_ACommandThatHandlesTheSignalKeepsItsCode(t *testing.T) {
	r := run(t, daemon(t), `trap "exit 5" INT; echo up; while :; do sleep 0.02; done`, invoke.Options{}, os.Interrupt)
	assert.Equal(t, 5, r.code)
	assert.Nil(t, r.die)
}

func TestSem24_ASignalOfTheCommandsOwnIsNotOurs(t *testing.T) {
	r := run(t, daemon(t), `trap 'kill -KILL $$' INT; echo up; while :; do sleep 0.02; done`, invoke.Options{}, os.Interrupt)
	assert.Equal(t, 137, r.code)
	assert.Nil(t, r.die, "it did not die of what was passed on")
}

func TestSem24_TheSecondWithinASecondEndsTheTree(t *testing.T) {
	cfg := daemon(t)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		r := run(t, cfg, `trap "" INT HUP; echo up; while :; do sleep 0.02; done`, invoke.Options{}, s, s)
		assert.Equal(t, s, r.die)
		assert.Contains(t, r.status, `"kind":"canceled"`)
	}
}

func TestSem24_ASignalBeforeThereIsAConnectionEndsTheAttempt(t *testing.T) {
	dialling := make(chan struct{})
	cfg := client.Config{Address: "box:7522", KeyID: "admin", ServerID: "box", Secret: hmacauth.NewSecret(),
		Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			close(dialling)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
	c := client.New(cfg)
	signals := make(chan os.Signal, 1)
	go func() {
		<-dialling
		signals <- os.Interrupt
	}()
	var said, status strings.Builder
	code, die := invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, "true") },
		invoke.Options{Host: "box", Stderr: &said, Status: &status, Signals: signals})
	assert.Equal(t, 130, code)
	assert.Equal(t, os.Interrupt, die)
	assert.Empty(t, said.String())
	assert.Contains(t, status.String(), `"kind":"not_started"`)
	assert.Contains(t, status.String(), `"error_class":"interrupted"`)
}

// writer fails with err from the first byte on.
type writer struct{ err error }

func (w writer) Write([]byte) (int, error) { return 0, w.err }

func TestSem10_AFullDiskIsOursAndABrokenPipeIsNot(t *testing.T) {
	cfg := daemon(t)
	r := run(t, cfg, "echo lost; exit 3", invoke.Options{Stdout: writer{syscall.ENOSPC}})
	assert.Equal(t, 255, r.code)
	assert.Equal(t, "rexec: box: write stdout: no space left on device\n", r.errs)
	assert.Contains(t, r.status, `"code":3`)
	assert.Contains(t, r.status, `"error_class":"local"`)

	r = run(t, cfg, "echo lost; exit 3", invoke.Options{Stdout: writer{syscall.EPIPE}})
	assert.Equal(t, 3, r.code)
	assert.Empty(t, r.errs)
}

func TestSem10_WhatOnlyClosingTellsCounts(t *testing.T) {
	cfg := daemon(t)
	r := run(t, cfg, "echo up", invoke.Options{CloseStdout: func() error { return errors.New("quota exceeded") }})
	assert.Equal(t, 255, r.code)
	assert.Equal(t, "rexec: box: quota exceeded\n", r.errs)
	r = run(t, cfg, "exit 4", invoke.Options{CloseStdout: func() error { return nil }})
	assert.Equal(t, 4, r.code)
}

func TestSem13_EmptyAndNoStdin(t *testing.T) {
	cfg := daemon(t)
	for _, in := range []io.Reader{nil, strings.NewReader("")} {
		assert.Equal(t, 6, run(t, cfg, "cat; exit 6", invoke.Options{Stdin: in}).code)
	}
	assert.Equal(t, "0000", run(t, cfg, "cat", invoke.Options{Stdin: strings.NewReader("0000")}).out)
}

func TestSem24_WhoKeepsAskingIsNotHeldByAStalledReader(t *testing.T) {
	in, out := io.Pipe() // nobody reads more than the first byte
	c := client.New(daemon(t))
	signals := make(chan os.Signal)
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.ReadFull(in, make([]byte, 1))
		often := time.NewTicker(20 * time.Millisecond)
		defer often.Stop()
		for {
			select {
			case signals <- syscall.SIGHUP:
				<-often.C
			case <-done:
				return
			}
		}
	})
	var said, status strings.Builder
	code, die := invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, "trap '' HUP; echo two") },
		invoke.Options{Host: "box", Stdout: out, Messages: &said, Status: &status, Signals: signals})
	close(done)
	asking.Wait()
	assert.Equal(t, 129, code)
	assert.Equal(t, os.Signal(syscall.SIGHUP), die)
	assert.Contains(t, said.String(), "gave up waiting for the result")
	assert.Contains(t, status.String(), `"error_class":"unknown"`)
	require.NoError(t, in.Close())
	require.NoError(t, c.Close())
}

func TestSem10_TheStatusSaysWhatTheStreamsWereTakenFor(t *testing.T) {
	cfg := daemon(t)
	line := `printf '\304\277\302\274\nC:\\\304\277'; printf '\304' >&2`
	r := run(t, cfg, line, invoke.Options{Text: invoke.Text{Encoding: "gbk", Out: true, Err: true}})
	assert.Equal(t, "目录\nC:\\目", r.out)
	assert.Equal(t, "\ufffd", r.errs)
	assert.Contains(t, r.status, `"text_in":"raw","text_out":"gbk","text_err":"gbk"`)
	r = run(t, cfg, line, invoke.Options{})
	assert.Equal(t, "\xc4\xbf\xc2\xbc\nC:\\\xc4\xbf", r.out)
	assert.Contains(t, r.status, `"bytes_out":10,`)
	assert.Contains(t, r.status, `"text_in":"raw","text_out":"raw","text_err":"raw"`)
}

func TestSem10_AFullDiskThatOnlyTheLastLineMeets(t *testing.T) {
	r := run(t, daemon(t), `printf '\304'; exit 3`, invoke.Options{Stdout: writer{syscall.ENOSPC}, Text: invoke.Text{Encoding: "gbk", Out: true}})
	assert.Equal(t, 255, r.code)
	assert.Equal(t, "rexec: box: write stdout: no space left on device\n", r.errs)
	assert.Contains(t, r.status, `"code":3`)
	assert.Contains(t, r.status, `"error_class":"local"`)
}

func TestSem24_WhoAsksWhileTheLastLineIsStuckIsNotHeld(t *testing.T) {
	in, out := io.Pipe()
	c := client.New(daemon(t))
	signals := make(chan os.Signal)
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.ReadFull(in, make([]byte, len("up\n")))
		for {
			select {
			case signals <- os.Interrupt:
				time.Sleep(20 * time.Millisecond)
			case <-done:
				return
			}
		}
	})
	var said strings.Builder
	code, die := invoke.Run(context.Background(), func(ctx context.Context) *client.Cmd { return c.Shell(ctx, `trap "" INT; echo up; printf '\304'`) },
		invoke.Options{Host: "box", Stdout: out, Messages: &said, Signals: signals, Text: invoke.Text{Encoding: "gbk", Out: true}})
	close(done)
	asking.Wait()
	assert.Equal(t, 130, code)
	assert.Equal(t, os.Interrupt, die)
	require.NoError(t, in.Close())
	require.NoError(t, c.Close())
}
