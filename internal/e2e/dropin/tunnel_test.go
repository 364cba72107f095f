//go:build linux

package dropin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/internal/e2e/ports"
)

// inner is OpenSSH's client to the test's sshd, at an address or through a program.
func (w *world) inner(args ...string) []string {
	return append([]string{"-F", w.dir + "/openssh/ssh_config"}, args...)
}

func TestOpenSSHGoesThroughDashW(t *testing.T) {
	w := need(t)
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		proxy := fmt.Sprintf("ProxyCommand=%s -W 127.0.0.1:%d lab2", v.ssh, w.sshPort)
		out := w.run(t, v, here, "/usr/bin/ssh", w.inner("-o", proxy, "lab1", "echo 你好; exit 0")...)
		seededFile(t, here+"/big", 7, 20<<20)
		w.run(t, v, here, "/usr/bin/scp", append(w.inner("-q", "-o", proxy), here+"/big", "lab1:"+there+"/big")...)
		w.run(t, v, here, "/usr/bin/scp", append(w.inner("-q", "-o", proxy), "lab1:"+there+"/big", here+"/back")...)
		require.Equal(t, sum(t, here+"/big"), sum(t, here+"/back"))
		return []string{out, sum(t, there+"/big")}
	})
}

func TestDashWSaysWhatCannotBeReached(t *testing.T) {
	w := need(t)
	port, err := ports.Free()
	require.NoError(t, err)
	both(t, w, func(t *testing.T, v way, here, _ string) int {
		r := w.try(t, func(ctx context.Context) *exec.Cmd {
			return w.command(ctx, v, here, v.ssh, "-W", fmt.Sprintf("127.0.0.1:%d", port), "lab1")
		})
		if v.name == "rexec" {
			assert.Contains(t, r.Stderr, "connection refused")
		}
		assert.Empty(t, r.Stdout)
		return r.Code
	})
}

// background finds the process that -f left, by a word of its command line that no other has.
func background(t *testing.T, word string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(line), word) {
			var pid int
			_, err := fmt.Sscanf(f, "/proc/%d/", &pid)
			require.NoError(t, err)
			return pid
		}
	}
	return 0
}

// end ends a process by its id and waits until it is gone.
func end(t *testing.T, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 20*time.Second, 5*time.Millisecond)
}

func TestDashFReturnsWhenTheForwardingIsThere(t *testing.T) {
	w := need(t)
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(seeded(8, 1<<20)) }))
	defer web.Close()
	both(t, w, func(t *testing.T, v way, here, _ string) int {
		local, err := ports.Free()
		require.NoError(t, err)
		socks, err := ports.Free()
		require.NoError(t, err)
		forward := fmt.Sprintf("%d:%s", local, strings.TrimPrefix(web.URL, "http://"))
		out, err := os.Create(here + "/out") // what is left in the background keeps it open
		require.NoError(t, err)
		defer out.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := w.command(ctx, v, here, v.ssh, "-f", "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward, "-D", fmt.Sprint(socks), "lab3")
		cmd.Stdout, cmd.Stderr = out, out
		require.NoError(t, cmd.Run(), "%s", read(t, here+"/out"))
		pid := background(t, forward)
		require.NotZero(t, pid, "it lives on")
		defer end(t, pid)
		assert.Eventually(t, func() bool { // daemon(3) of ssh: the first process ends before the second leaves its session
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err == nil && strings.Contains(string(stat), fmt.Sprintf(" %d %d 0 -1 ", pid, pid))
		}, 20*time.Second, 5*time.Millisecond, "its own group and session, no terminal")

		get := func(c *http.Client, url string) {
			resp, err := c.Get(url)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, seeded(8, 1<<20), body)
		}
		get(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, fmt.Sprintf("http://127.0.0.1:%d/", local))
		proxy := http.ProxyURL(&url.URL{Scheme: "socks5", Host: fmt.Sprintf("127.0.0.1:%d", socks)})
		get(&http.Client{Transport: &http.Transport{Proxy: proxy, DisableKeepAlives: true}}, web.URL)

		busy := w.try(t, func(ctx context.Context) *exec.Cmd {
			return w.command(ctx, v, here, v.ssh, "-f", "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward, "lab3")
		})
		assert.NotEmpty(t, busy.Stderr)
		assert.Empty(t, read(t, here+"/out"))
		return busy.Code
	})
}

func TestDashFRunsACommandInTheBackground(t *testing.T) {
	w := need(t)
	both(t, w, func(t *testing.T, v way, here, there string) []any {
		out, err := os.Create(here + "/out")
		require.NoError(t, err)
		defer out.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := w.command(ctx, v, here, v.ssh, "-f", "lab1", "cat; while ! test -e "+there+"/go; do sleep 0.01; done; echo done; echo late >"+there+"/late")
		cmd.Stdin = strings.NewReader("input is not read")
		cmd.Stdout, cmd.Stderr = out, out
		require.NoError(t, cmd.Run())
		require.NoError(t, os.WriteFile(there+"/go", nil, 0o644))
		require.Eventually(t, func() bool { return length(there+"/late") == 5 && length(here+"/out") == 5 }, patience, 5*time.Millisecond)
		missing := w.try(t, func(ctx context.Context) *exec.Cmd {
			return w.command(ctx, v, here, v.ssh, "-f", "-o", "ConnectTimeout=5", "-p", "1", "lab1", "true")
		})
		return []any{read(t, here+"/out"), missing.Code, missing.Stdout, missing.Stderr != ""}
	})
}

func TestAConnectionOutlivesTheCommandThatItCameWith(t *testing.T) {
	w := need(t)
	answer := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("first\n"))
		rw.(http.Flusher).Flush()
		<-answer
		_, _ = rw.Write([]byte("last\n"))
	}))
	defer web.Close()
	released := 0
	both(t, w, func(t *testing.T, v way, here, there string) string {
		local, err := ports.Free()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := w.command(ctx, v, here, v.ssh, "-L", fmt.Sprintf("%d:%s", local, strings.TrimPrefix(web.URL, "http://")), "lab1",
			"while ! test -e "+there+"/go; do sleep 0.01; done; touch "+there+"/ended")
		require.NoError(t, cmd.Start())
		gone := make(chan error, 1)
		go func() { gone <- cmd.Wait() }()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		var resp *http.Response
		require.Eventually(t, func() bool {
			resp, err = client.Get(fmt.Sprintf("http://127.0.0.1:%d/", local))
			return err == nil
		}, patience, 5*time.Millisecond)
		defer resp.Body.Close()
		require.NoError(t, os.WriteFile(there+"/go", nil, 0o644))
		require.Eventually(t, func() bool { _, err := os.Stat(there + "/ended"); return err == nil }, patience, 5*time.Millisecond)
		require.Eventually(t, func() bool { // nobody new is let in
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", local))
			if err == nil {
				_ = c.Close()
			}
			return err != nil || v.name == "openssh"
		}, patience, 5*time.Millisecond)
		select {
		case err := <-gone:
			require.Fail(t, "it did not wait for the connection", "%v", err)
		default:
		}
		answer <- struct{}{}
		released++
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, <-gone)
		return string(body)
	})
	assert.Equal(t, 2, released)
}

func TestAReaderThatHasEnoughEndsDashW(t *testing.T) {
	w := need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	gone := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		for err == nil {
			_, err = c.Write(make([]byte, 4096))
		}
		gone <- err
	}()
	out := w.run(t, w.rexec, w.dir, "sh", "-c", fmt.Sprintf("%s -W %s lab1 | head -c 10000 | wc -c", w.rexec.ssh, l.Addr()))
	assert.Equal(t, "10000", strings.TrimSpace(out))
	select {
	case err := <-gone:
		assert.Error(t, err, "whoever sends learns of it")
	case <-time.After(20 * time.Second):
		assert.Fail(t, "the far end still sends")
	}
	w.settled(t)
}
