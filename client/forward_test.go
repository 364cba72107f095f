package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/audit"
	"rexec/internal/policy"
	"rexec/internal/server"
)

// gate is a daemon whose key ring the test can change, and whose audit log it can read.
type gate struct {
	*server.Server
	cfg client.Config
	log string
}

func newGate(t *testing.T, key policy.Key, change ...func(*server.Config)) gate {
	t.Helper()
	hostKey, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(hostKey)
	require.NoError(t, err)
	key.ID, key.Secret = "admin", hmacauth.NewSecret()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(key))
	file := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(audit.Options{Path: file})
	require.NoError(t, err)
	cfg := server.Config{Names: []string{"box"}, HostKey: hostKey, Ring: ring, Shell: "/bin/sh", Audit: log}
	for _, c := range change {
		c(&cfg)
	}
	s, err := server.New(cfg)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
		require.NoError(t, log.Close())
	})
	return gate{s, client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: key.Secret, Pin: pin}, file}
}

// lines are the audit log's, without their time.
func (g gate) lines(t *testing.T, event string) []string {
	t.Helper()
	b, err := os.ReadFile(g.log)
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, `"event":"`+event+`"`) {
			found = append(found, line)
		}
	}
	return found
}

// target serves each connection in its own goroutine until the test ends.
func target(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				serve(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func echo(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
}

func TestForwardedBytesAreWholeAndEachDirectionEndsApart(t *testing.T) {
	g := newGate(t, policy.Key{})
	c := client.New(g.cfg)
	defer c.Close()
	at := target(t, func(c *net.TCPConn) { // answers only when all has come
		all, err := io.ReadAll(c)
		if err == nil {
			_, _ = c.Write(append(all, all...))
			_ = c.CloseWrite()
		}
	})
	data := make([]byte, 3<<20+7)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(data)
	conn, err := c.Forward(context.Background(), at, "a test")
	require.NoError(t, err)
	require.Equal(t, at, conn.Address())
	_, err = conn.Write(data)
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.True(t, bytes.Equal(append(data, data...), got))
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Err())

	require.Eventually(t, func() bool { return len(g.lines(t, "forward.ended")) == 1 }, 20*time.Second, 5*time.Millisecond)
	assert.Regexp(t, `"key":"admin",.*"address":"`+at+`","origin":"a test"}$`, strings.TrimSpace(g.lines(t, "forward.accepted")[0]))
	assert.Contains(t, g.lines(t, "forward.ended")[0], fmt.Sprintf(`"kind":"exited","code":0,"in":%d,"out":%d,`, len(data), 2*len(data)))
}

func TestManyConnectionsShareOneLink(t *testing.T) {
	g := newGate(t, policy.Key{})
	c := client.New(g.cfg)
	defer c.Close()
	at := target(t, echo)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			conn, err := c.Forward(context.Background(), at, "")
			if !assert.NoError(t, err) {
				return
			}
			text := strings.Repeat(fmt.Sprint(i), 10000)
			go func() { // ends with conn
				_, _ = io.WriteString(conn, text)
				_ = conn.CloseWrite()
			}()
			got, err := io.ReadAll(conn)
			assert.NoError(t, err)
			assert.Equal(t, text, string(got))
			assert.NoError(t, conn.Close())
		})
	}
	all.Wait()
	require.Eventually(t, func() bool { return g.Status().Sessions == 0 }, 20*time.Second, 5*time.Millisecond)
}

func TestAResetBehindTheDaemonIsNoEnd(t *testing.T) {
	c := client.New(newGate(t, policy.Key{}).cfg)
	defer c.Close()
	at := target(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("half"))
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = c.SetLinger(0)
	})
	conn, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 4))
	require.NoError(t, err)
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	var broken *client.BrokenError
	require.ErrorAs(t, err, &broken)
	require.Contains(t, err.Error(), "connection reset by peer")
}

func TestAnAbortReachesTheTargetAsAReset(t *testing.T) {
	c := client.New(newGate(t, policy.Key{}).cfg)
	defer c.Close()
	seen := make(chan error, 1)
	at := target(t, func(c *net.TCPConn) {
		_, err := io.ReadAll(c)
		seen <- err
	})
	conn, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	_, err = conn.Write([]byte("half"))
	require.NoError(t, err)
	conn.Abort(nil)
	require.Error(t, <-seen, "the target must not take half for all")
}

func TestALostLinkIsNoEndEither(t *testing.T) {
	cfg := newGate(t, policy.Key{}).cfg
	var below net.Conn
	cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
		var err error
		below, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return below, err
	}
	c := client.New(cfg)
	seen := make(chan error, 1)
	at := target(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("half"))
		_, err := io.ReadAll(c)
		seen <- err
	})
	conn, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 4))
	require.NoError(t, err)
	require.NoError(t, below.Close())
	_, err = io.ReadAll(conn)
	var broken *client.BrokenError
	require.ErrorAs(t, err, &broken)
	require.Error(t, <-seen)
}

func TestWhatCannotBeReachedIsSaid(t *testing.T) {
	c := client.New(newGate(t, policy.Key{}).cfg)
	defer c.Close()
	var unreachable *client.UnreachableError
	// A name with two dots in a row is none, which needs no name server to know; nobody listens on port 1.
	for address, why := range map[string]string{"127.0.0.1:1": "connection refused", "no..name:80": "no such name", "nowhere": "missing port in address"} {
		_, err := c.Forward(context.Background(), address, "")
		require.ErrorAs(t, err, &unreachable, address)
		assert.Contains(t, unreachable.Reason, why)
	}
}

func TestSem48_ForwardingKeepsToTheKeysLimits(t *testing.T) {
	at := target(t, echo)
	host, port, err := net.SplitHostPort(at)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		key policy.Key
		why string // empty: allowed
	}{
		"no limits":         {policy.Key{}, ""},
		"this destination":  {policy.Key{Forward: []string{host + ":" + port}, Commands: []string{"uptime"}}, ""},
		"another one":       {policy.Key{Forward: []string{host + ":1"}}, `key "admin" may not forward to "` + at + `"`},
		"nothing":           {policy.Key{NoForward: true}, `key "admin" may forward nothing`},
		"commands":          {policy.Key{Commands: []string{"uptime"}}, `key "admin" may only run its commands, and forward nothing`},
		"a forced command":  {policy.Key{Command: "uptime"}, `key "admin" may only run its commands, and forward nothing`},
		"files only":        {policy.Key{SFTPRoot: "/srv"}, `key "admin" may only transfer files, and forward nothing`},
		"an expired key":    {policy.Key{Expires: time.Now().Add(-time.Hour)}, `key "admin" expired`},
		"from another host": {policy.Key{Source: sources(t, "192.0.2.1")}, `key "admin" may not be used from 127.0.0.1`},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, c.key)
			cl := client.New(g.cfg)
			defer cl.Close()
			conn, err := cl.Forward(context.Background(), at, "")
			if c.why == "" {
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				return
			}
			var refused *client.RefusedError
			require.ErrorAs(t, err, &refused)
			assert.Contains(t, refused.Reason, c.why)
			assert.Empty(t, g.lines(t, "forward.accepted"))
			if !strings.Contains(c.why, "expired") && !strings.Contains(c.why, "from") { // those did not come that far
				assert.Contains(t, g.lines(t, "forward.refused")[0], `"rule":"`)
			}
		})
	}
}

func TestSem48_AForwardedConnectionIsASessionOfTheKey(t *testing.T) {
	at := target(t, echo)
	g := newGate(t, policy.Key{MaxSessions: 1})
	c := client.New(g.cfg)
	defer c.Close()
	first, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	var refused *client.RefusedError
	_, err = c.Forward(context.Background(), at, "")
	require.ErrorAs(t, err, &refused)
	require.ErrorAs(t, c.Shell(context.Background(), "true").Run(), &refused)
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return c.Shell(context.Background(), "true").Run() == nil }, 20*time.Second, 5*time.Millisecond)
}

func TestSem48_LimitsOfTimeEndAForwardedConnection(t *testing.T) {
	at := target(t, echo)
	for why, key := range map[string]policy.Key{
		"without a byte":   {IdleTimeout: 50 * time.Millisecond},
		"allows a session": {MaxDuration: time.Second}, // the connection must be made by then
	} {
		t.Run(why, func(t *testing.T) {
			c := client.New(newGate(t, key).cfg)
			conn, err := c.Forward(context.Background(), at, "")
			require.NoError(t, err)
			_, err = io.ReadAll(conn)
			var broken *client.BrokenError
			require.ErrorAs(t, err, &broken)
			assert.Contains(t, broken.Reason, why)
			require.NoError(t, c.Close())
		})
	}
}

func TestSem50_RemovingTheKeyEndsItsForwardedConnections(t *testing.T) {
	seen := make(chan error, 1)
	at := target(t, func(c *net.TCPConn) {
		_, err := io.ReadAll(c)
		seen <- err
	})
	g := newGate(t, policy.Key{})
	c := client.New(g.cfg)
	defer c.Close()
	conn, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	g.SetRing(new(policy.Ring))
	_, err = io.ReadAll(conn)
	require.ErrorContains(t, err, "the key was removed")
	require.Error(t, <-seen)
}

func TestShutdownWaitsForForwardedConnectionsAndThenEndsThem(t *testing.T) {
	at := target(t, echo)
	g := newGate(t, policy.Key{})
	c := client.New(g.cfg)
	defer c.Close()
	conn, err := c.Forward(context.Background(), at, "")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, g.Shutdown(ctx), context.DeadlineExceeded)
	_, err = io.ReadAll(conn)
	require.ErrorContains(t, err, "the daemon is shutting down")
}

func TestSem51_WhatCannotBeRecordedIsNotForwarded(t *testing.T) {
	reached := make(chan struct{}, 1)
	at := target(t, func(*net.TCPConn) { reached <- struct{}{} })
	g := newGate(t, policy.Key{}, func(cfg *server.Config) {
		require.NoError(t, cfg.Audit.Close())
		log, err := audit.Open(audit.Options{Path: "/dev/full"})
		if err != nil { // it is no regular file, which is as good
			log = cfg.Audit
		}
		cfg.Audit = log
	})
	c := client.New(g.cfg)
	defer c.Close()
	_, err := c.Forward(context.Background(), at, "")
	require.Error(t, err)
	select {
	case <-reached:
		assert.Fail(t, "the target was reached")
	case <-time.After(50 * time.Millisecond):
	}
}

func sources(t *testing.T, text string) []netip.Prefix {
	t.Helper()
	p, err := policy.ParseSource(text)
	require.NoError(t, err)
	return []netip.Prefix{p}
}
