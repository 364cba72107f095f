//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blackHole is an address whose kernel answers nobody any more: its listener's queue is full (listen(2)).
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	bound, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for range 20 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// mute is an address that takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() }) // nobody accepts: the kernel does
	return l.Addr().String()
}

// TestSem56_ALabOfRealDaemonsSomeOfThemIll runs on forty daemons, each a process with keys of its own, and on ten hosts that
// are none, and compares with what each of them is.
func TestSem56_ALabOfRealDaemonsSomeOfThemIll(t *testing.T) {
	const healthy, timeout = 40, 8 * time.Second
	admin := &program{t: t, config: t.TempDir()}
	ok := func(o outcome) outcome { t.Helper(); require.Zero(t, o.code, o.stderr); return o }
	ok(admin.run(admin.rexec("lab", "init", "chem"), ""))
	tokens := filepath.Join(t.TempDir(), "tokens")
	ok(admin.run(admin.rexec("lab", "token", "chem", fmt.Sprintf("pc[01-%d]", healthy), "--out", tokens), ""))

	hosts := make([]*program, healthy)
	var hostsFile bytes.Buffer
	entry := func(name, address string) {
		fmt.Fprintf(&hostsFile, "\n[[host]]\nname = %q\naddress = %q\nkey = \"chem\"\n", name, address)
	}
	var setting sync.WaitGroup
	turns := make(chan struct{}, 4)
	for i := range hosts {
		hosts[i] = admin.member(fmt.Sprintf("pc%02d", i+1), freePort(t))
		setting.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			name := fmt.Sprintf("pc%02d", i+1)
			o := hosts[i].setUp("", filepath.Join(tokens, name+".token"))
			assert.Zero(t, o.code, o.stderr)
			hosts[i].serve()
		})
	}
	setting.Wait()
	for i, h := range hosts {
		t.Cleanup(h.stop)
		entry(fmt.Sprintf("pc%02d", i+1), fmt.Sprintf("127.0.0.1:%d", h.port))
	}
	ill := map[string]string{}
	for i := range 3 {
		ill[fmt.Sprintf("dead%d", i+1)] = blackHole(t)
		ill[fmt.Sprintf("mute%d", i+1)] = mute(t)
		ill[fmt.Sprintf("gone%d", i+1)] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	ill["stray1"] = fmt.Sprintf("127.0.0.1:%d", hosts[0].port) // another host's daemon: it has another name
	for name, address := range ill {
		entry(name, address)
	}
	require.NoError(t, os.WriteFile(filepath.Join(admin.config, "rexec", "hosts.toml"), hostsFile.Bytes(), 0o600))

	// pc01 to pc40: fine, code 3, a signal, not found, out of time, in turns of eight; the others answer slowly.
	line := `case $((%n % 8)) in 1) exit 3;; 2) kill -9 $$;; 3) exec /no/such/program;; 4) sleep 60;; 5) sleep 0.5;; esac; echo %h $REXEC_KEY_ID; cat`
	set := strings.Join([]string{"dead[1-3]", "mute[1-3]", "gone[1-3]", "stray1", fmt.Sprintf("pc[01-%d]", healthy)}, ",")
	began := time.Now()
	o := admin.run(admin.rexec("--json", "--fanout", "8", "--timeout", "4s", "--connect-timeout", timeout.String(), set, line), "fed\n")
	took := time.Since(began)
	all := events(t, o.stdout)
	require.Len(t, all.ends, healthy+len(ill), o.stderr)

	state := func(name, want, words string) {
		t.Helper()
		assert.Equal(t, want, all.ends[name].State, "%s: %s", name, all.ends[name].Error)
		assert.Contains(t, all.ends[name].Error, words, name)
	}
	for i := range healthy {
		name := fmt.Sprintf("pc%02d", i+1)
		end := all.ends[name]
		said := []string{name + " chem", "fed"}
		switch (i + 1) % 8 {
		case 1:
			state(name, "failed", "")
			assert.Equal(t, 3, end.Exit)
			said = nil
		case 2:
			state(name, "failed", "")
			assert.Equal(t, 137, end.Exit)
			said = nil
		case 3:
			state(name, "failed", "")
			assert.Equal(t, 127, end.Exit)
			said = nil
		case 4:
			state(name, "timed_out", "ran out of time")
			assert.Equal(t, 124, end.Exit)
			said = nil
		default:
			state(name, "ok", "")
		}
		assert.Equal(t, said, all.lines[name], name)
		assert.Less(t, end.MS, timeout.Milliseconds(), "%s waited for nobody", name)
	}
	for name := range ill {
		assert.Empty(t, all.lines[name])
		switch name[:4] {
		case "gone":
			state(name, "unreachable", "nobody listens there")
		case "stra":
			state(name, "unreachable", "did not admit this key")
		case "mute":
			state(name, "unreachable", "stays silent")
		default:
			state(name, "unreachable", "no answer within "+timeout.String())
		}
	}
	assert.Equal(t, "dead[1-3],gone[1-3],mute[1-3],stray1", all.sum.Sets["unreachable"])
	assert.Less(t, took, slack*timeout, "the dead were waited for once, not in turns")

	// What is left to be done is done when they are well again.
	file := filepath.Join(t.TempDir(), "left")
	o = admin.run(admin.rexec("-n", "--retry-failed", file, "gone[1-3],pc[01-08]", "[ %n != 5 ]"), "")
	assert.Equal(t, 1, o.code)
	left, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "gone[1-3],pc05\n", string(left))
	o = ok(admin.run(admin.rexec("-n", "--retry-failed", file, "pc[01-40]", "true"), ""))
	assert.Equal(t, "rexec: ok 1: pc05\n", o.stderr)

	// A daemon that dies in the middle makes nothing of the others unknown.
	held := private(t, "")
	cmd := admin.rexec("-n", "pc[01-04]", "echo up; while [ -e "+held+" ]; do sleep 0.02; done; echo done")
	out, errs := &syncBuffer{}, &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, errs
	require.NoError(t, cmd.Start())
	eventually(t, soon, func() bool { return strings.Count(out.String(), "up\n") == 4 }, "all are up: %s%s", out, errs)
	hosts[2].kill()
	require.NoError(t, os.Remove(held))
	_ = cmd.Wait()
	assert.Contains(t, errs.String(), "rexec: ok 3: pc[01-02,04]\n")
	assert.Contains(t, errs.String(), "rexec: unknown 1: pc03\n")
	assert.Contains(t, errs.String(), "outcome is unknown")
}
