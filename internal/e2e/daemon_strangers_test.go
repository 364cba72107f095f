//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/server"
)

// from dials from a loopback address of its own: every stranger is a source.
func from(source, to string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	return d.Dial("tcp", to)
}

// untilClosed reads until the other side ends the connection.
func untilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// channel is TLS as a client makes it, but for what change changes.
func channel(c net.Conn, change func(*tls.Config)) *tls.Conn {
	cfg := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"rexec/1"}}
	if change != nil {
		change(cfg)
	}
	return tls.Client(c, cfg)
}

// hello is M1 of a client that speaks other versions.
func hello(version uint16) []byte {
	body := []byte("RXC1")
	body = binary.BigEndian.AppendUint16(body, version)
	body = binary.BigEndian.AppendUint16(body, version)
	body = append(body, make([]byte, 32+8)...)
	body = append(body, "\x05admin\x03box"...)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), 1, 0, 0, 0), body...)
}

// foreign are those who come to the port and do not speak rexec/1, by what they do with a connection.
var foreign = map[string]func(net.Conn){
	"no ALPN": func(c net.Conn) {
		_ = channel(c, func(t *tls.Config) { t.NextProtos = nil }).Handshake()
	},
	"wrong ALPN": func(c net.Conn) {
		_ = channel(c, func(t *tls.Config) { t.NextProtos = []string{"h2", "rexec/2"} }).Handshake()
	},
	"TLS 1.2": func(c net.Conn) {
		_ = channel(c, func(t *tls.Config) { t.MinVersion, t.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }).Handshake()
	},
	"HTTP":       func(c net.Conn) { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: box\r\n\r\n") },
	"SSH banner": func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") },
	"silence":    func(net.Conn) {},
	"one byte a second": func(c net.Conn) {
		for {
			if _, err := c.Write([]byte{0x16}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	},
	"TLS and then silence": func(c net.Conn) { _ = channel(c, nil).Handshake() },
	"version 0":            func(c net.Conn) { say(channel(c, nil), hello(0)) },
	"version 99":           func(c net.Conn) { say(channel(c, nil), hello(99)) },
	"a frame of 4 GiB":     func(c net.Conn) { say(channel(c, nil), []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}) },
}

// say writes into a channel and takes the answer, as far as there is one.
func say(c *tls.Conn, what []byte) {
	if _, err := c.Write(what); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

var about = regexp.MustCompile(`remote="?(127\.0\.2\.\d+)|source=(127\.0\.2\.\d+)/32`)

func TestSem46_WhoeverDoesNotSpeakRexecIsRefusedInTimeAndDisturbsNobody(t *testing.T) {
	const patience = 4 * time.Second
	p := start(t, fmt.Sprintf("handshake_timeout = %q", patience), `log_level = "debug"`)
	to := fmt.Sprintf("127.0.0.1:%d", p.port)
	quiet := p.begin(p.rexec("box", "echo running; sleep 4; echo undisturbed"))
	quiet.says("running")

	var wg sync.WaitGroup
	var took sync.Map
	n := 0
	for name, do := range foreign {
		n++
		source := fmt.Sprintf("127.0.2.%d", n)
		wg.Go(func() {
			c, err := from(source, to)
			if !assert.NoError(t, err) {
				return
			}
			defer c.Close()
			began := time.Now()
			gone := make(chan struct{})
			go func() { defer close(gone); do(c) }()
			if name == "one byte a second" || name == "silence" || name == "SSH banner" || name == "HTTP" {
				untilClosed(c)
			} else {
				<-gone
				untilClosed(c)
			}
			took.Store(name, time.Since(began))
		})
	}
	wg.Go(func() {
		for range 5 {
			began := time.Now()
			assert.Equal(t, outcome{stdout: "ok\n"}, p.run(p.rexec("box", "echo ok"), ""))
			assert.Less(t, time.Since(began), patience, "nobody waits for a stranger's handshake")
		}
	})
	wg.Wait()
	took.Range(func(name, d any) bool {
		t.Logf("%-22s %v", name, d)
		assert.Less(t, d, slack*patience, name)
		return true
	})
	assert.Equal(t, outcome{stdout: "running\nundisturbed\n"}, quiet.wait(6*time.Second))
	lines := func() map[string]int {
		of := map[string]int{}
		for line := range strings.Lines(p.log.String()) {
			if m := about.FindStringSubmatch(line); m != nil && !strings.Contains(line, "level=debug") {
				of[m[1]+m[2]]++
			}
		}
		return of
	}
	eventually(t, soon, func() bool { return len(lines()) >= 6 }, "the log says who does not speak rexec/1: %s", p.log)
	for source, n := range lines() {
		assert.Equal(t, 1, n, "lines about %s", source)
	}
}

func TestSem46_AFloodOfStrangersHasALineASecond(t *testing.T) {
	p := start(t)
	to := fmt.Sprintf("127.0.0.1:%d", p.port)
	const attempts = 300
	began := time.Now()
	for range attempts {
		c, err := from("127.0.2.200", to)
		require.NoError(t, err)
		foreign["HTTP"](c)
		untilClosed(c)
		_ = c.Close()
		if since := time.Since(began); since < 2500*time.Millisecond {
			time.Sleep(2500 * time.Millisecond / attempts) // long enough for several seconds' lines
		}
	}
	leftOut := regexp.MustCompile(`left_out=(\d+)`)
	count := func() (lines, all int) {
		for line := range strings.Lines(p.log.String()) {
			m := about.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			lines++
			if l := leftOut.FindStringSubmatch(line); l != nil {
				more, _ := strconv.Atoi(l[1])
				all += more
			} else {
				all++
			}
		}
		return lines, all
	}
	eventually(t, soon, func() bool { _, all := count(); return all == attempts }, "every attempt is counted: %s", p.log)
	lines, _ := count()
	most := int(time.Since(began)/time.Second) + 1
	t.Logf("%d attempts in %v: %d lines", attempts, time.Since(began), lines)
	assert.LessOrEqual(t, lines, most)
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""))
}

func TestSem46_AThousandSilentAndSlowConnectionsKeepNoGoodClientWaiting(t *testing.T) {
	p, control := start(t), start(t)
	to := fmt.Sprintf("127.0.0.1:%d", p.port)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var there atomic.Int64
	for i := range 1000 {
		source := fmt.Sprintf("127.0.%d.%d", 3+i/200, 1+i%200) // more sources than the budget has places
		if i < 500 {
			source = fmt.Sprintf("127.0.9.%d", 1+i%4) // and some with many
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := from(source, to)
				if err != nil {
					return
				}
				there.Add(1)
				gone := context.AfterFunc(ctx, func() { _ = c.Close() })
				if i%2 == 0 {
					untilClosed(c)
				} else {
					for err == nil && ctx.Err() == nil { // a byte of a ClientHello a second
						_, err = c.Write([]byte{0x16})
						pause(ctx, time.Second)
					}
				}
				gone()
				_ = c.Close()
				pause(ctx, time.Second)
			}
		})
	}
	defer wg.Wait()
	defer stop()
	eventually(t, soon, func() bool { return there.Load() >= 1000 }, "a thousand came, but %v", lazy(func() any { return there.Load() }))

	var times []time.Duration
	var usual time.Duration
	for range 50 {
		times, usual = append(times, answersIn(t, p.dial())), max(usual, answersIn(t, control.dial()))
	}
	slices.Sort(times)
	t.Logf("with %d strangers so far: median %v, most %v; without any most %v", there.Load(), times[len(times)/2], times[len(times)-1], usual)
	assert.Less(t, times[len(times)-1], slack*max(100*time.Millisecond, usual))
}

// pause waits, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// daemonServer is daemon, and hands out the server.
func daemonServer(t *testing.T, change func(*server.Config), give func(*server.Server)) client.Config {
	t.Helper()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	cfg := server.Config{Names: []string{"box"}, HostKey: key, Ring: ringOf(t, secret), Shell: "/bin/sh"}
	change(&cfg)
	s, err := server.New(cfg)
	require.NoError(t, err)
	give(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	return client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: secret, Pin: pin, ConnectTimeout: 10 * time.Second}
}

// ringOf is a ring of one key, admin.
func ringOf(t *testing.T, secret hmacauth.Secret) *policy.Ring {
	t.Helper()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(policy.Key{ID: "admin", Secret: secret}))
	return ring
}
