//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/internal/server"
)

// peer listens in the daemon's place and gives each connection to serve, until the test ends.
func peer(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

// says is a peer that says something at once, or once it was spoken to, and then drops what comes.
func says(text string, first bool) func(net.Conn) {
	return func(c net.Conn) {
		if !first {
			_, _ = c.Read(make([]byte, 1))
		}
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

func TestInputPeerThatIsNoDaemonIsNamedInTime(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	key, err := server.NewHostKey("other")
	require.NoError(t, err)
	cert, err := tls.X509KeyPair(key, key)
	require.NoError(t, err)
	web := func(protocols ...string) func(net.Conn) {
		return func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: protocols})
			_ = s.Handshake()
			_, _ = io.Copy(io.Discard, s)
		}
	}
	const bound = time.Second
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		says  string
	}{
		{"silent", says("", true), "silent: check that the port is rexecd's"},
		{"HTTP", says("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", false), "an HTTP server answers there, not rexecd: check the port"},
		{"ssh", says("SSH-2.0-OpenSSH_10.0\r\n", true), "an ssh server answers there, not rexecd: check the port"},
		{"SMTP", says("220 mail ESMTP\r\n", true), "what answers there is not rexecd .*: check the port"},
		{"control characters", says("\x1b[2J\x1b]0;x\x07\r\n", true), "what answers there is not rexecd .*: check the port"},
		{"zeros", says(strings.Repeat("\x00", 1<<16), true), "check the port"},
		{"closes at once", func(net.Conn) {}, "closed at once: check that the port is rexecd's"},
		{"a byte a moment", func(c net.Conn) {
			for _, b := range []byte("\x16\x03\x03\x40\x00" + strings.Repeat("x", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, "silent|check"},
		{"an https server", web("h2", "http/1.1"), "(a TLS server answers there that does not speak rexec/1|certificate).*"},
		{"a TLS server without protocols", web(), "(a TLS server answers there that does not speak rexec/1|certificate).*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := peer(t, c.serve)
			timeout := "1m" // who says something is not waited for
			if c.name == "silent" || c.name == "a byte a moment" {
				timeout = "500ms"
			}
			ways := [][]string{{"--connect-timeout", timeout}, {"-v", "--connect-timeout", timeout}}
			if c.name == "silent" {
				ways = append(ways, []string{"-o", "ConnectTimeout=1"})
			}
			for _, args := range ways {
				within(t, bound, func() {
					o := p.run(p.rexec(append(args, "-p", fmt.Sprint(port), "box", "true")...), "")
					if args[0] == "-v" {
						keepsQuiet(t, o.stdout+o.stderr, good)
						assert.Equal(t, 255, o.code)
						return
					}
					ours(t, o, 255, fmt.Sprintf("^rexec: box: .*127.0.0.1:%d.*%s", port, c.says), good)
					assert.NotContains(t, o.stderr, "\x1b")
				})
			}
		})
	}
}

func TestInputPeerThatIsAbsentIsNamedAtOnce(t *testing.T) {
	p := start(t)
	p.stop()
	within(t, time.Second, func() {
		ours(t, p.run(p.rexec("box", "true"), ""), 255, fmt.Sprintf("^rexec: box: cannot connect to 127.0.0.1:%d: nobody listens there: see that rexecd runs", p.port))
		ours(t, p.run(p.rexec("-N", "box"), ""), 255, "^rexec: box: .*nobody listens there")
		ours(t, p.run(p.rexec("host", "trust", "box"), ""), 255, "^rexec: .*127.0.0.1")
		ours(t, p.run(p.rexec("-q", "box", "true"), ""), 255, "nobody listens there")
	})
}

func TestInputHostsThatCannotBe(t *testing.T) {
	p := start(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"-p", "0", "box", "true"}, `option -p: "0" is no port, 1 to 65535`},
		{[]string{"-p", "65536", "box", "true"}, `option -p: "65536" is no port, 1 to 65535`},
		{[]string{"-p", "-1", "box", "true"}, `option -p: "-1" is no port, 1 to 65535`},
		{[]string{"-p", "", "box", "true"}, `option -p: "" is no port, 1 to 65535`},
		{[]string{"-p22x", "box", "true"}, `option -p: "22x" is no port, 1 to 65535`},
		{[]string{"-o", "Port=0", "box", "true"}, `"0" is no port, 1 to 65535`},
		{[]string{"-o", "Port=65536", "box", "true"}, `"65536" is no port, 1 to 65535`},
		{[]string{"ssh://box:65536", "true"}, `"65536" is no port, 1 to 65535`},
		{[]string{"ssh://box:0", "true"}, `"0" is no port, 1 to 65535`},
		{[]string{"--", "-oX", "true"}, `"-oX" is no host: it begins with a dash`},
		{[]string{"--", "-oProxyCommand=touch x", "true"}, `is no host: it begins with a dash`},
		{[]string{"-oX", "box", "true"}, `option -o`},
		{[]string{"u@-oX", "true"}, `"-oX" is no host: it begins with a dash`},
		{[]string{"ssh://-oX", "true"}, `"-oX" is no host: it begins with a dash`},
		{[]string{"-l", "-oX", "box", "true"}, `"-oX" is no user: it begins with a dash`},
		{[]string{"-oX@box", "true"}, `option -o`},
		{[]string{"a b", "true"}, `is no host: it has blanks`},
		{[]string{"$(reboot)", "true"}, `is no host`},
		{[]string{"", "true"}, `host is empty; see rexec help`},
		{[]string{}, `rexec help`},
		{[]string{"-p", "1"}, `rexec help`},
		{[]string{"nosuchhost", "true"}, `host "nosuchhost" is not known: add it with rexec host add nosuchhost`},
		{[]string{"-o", "HostName=nosuch.invalid", "box", "true"}, `the name "nosuch.invalid" is not known here: `},
		{[]string{"-o", "Bogus=1", "box", "true"}, `"bogus"|"Bogus"`},
		{[]string{"-o", "ProxyCommand=nc %h %p", "box", "true"}, `ProxyCommand.* not built yet`},
		{[]string{"--bogus", "box", "true"}, `--bogus`},
		{[]string{"box", "--bogus", "true"}, `--bogus`},
	} {
		within(t, soon, func() { // a name has to be looked for
			ours(t, p.run(p.rexec(c.args...), ""), 255, "^rexec: .*("+c.says+")")
			if len(c.args) > 0 {
				o := p.run(p.rexec(append([]string{"ssh"}, c.args...)...), "")
				ours(t, o, 255, "^rexec: ")
				assert.NotContains(t, o.stderr, "Usage:")
				assert.NotContains(t, o.stderr, "Bad configuration option")
			}
		})
	}
}
