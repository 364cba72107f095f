//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
)

// rewrite replaces a file of the daemon's.
func (p *program) rewrite(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.state, name)
	require.NoError(p.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(p.t, os.Rename(path+".new", path))
}

func (p *program) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.state, name))
	require.NoError(p.t, err)
	return string(b)
}

func TestReloadUnderLoadLosesNothing(t *testing.T) {
	p := start(t)
	good := p.read("rexecd.toml")
	reload := func() outcome { return p.run(p.command("rexecd", "reload", "--state", p.state), "") }

	var wg sync.WaitGroup
	var stop atomic.Bool
	var ran atomic.Int64
	keep := client.New(p.dial())
	for i := range 4 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				c := keep // half of them on one connection, half each on their own
				if i%2 == 0 {
					c = client.New(p.dial())
				}
				cmd := c.Shell(t.Context(), fmt.Sprintf("head -c %d /dev/zero; exit %d", n%50*4000, n%7))
				out, err := cmd.Output()
				code := 0
				if exit, ok := err.(*client.ExitError); ok {
					code, err = int(exit.Result.Verdict.Code), nil
				}
				if !assert.NoError(t, err) || !assert.Equal(t, n%7, code) || !assert.Len(t, out, n%50*4000) {
					return
				}
				ran.Add(1)
				if c != keep {
					_ = c.Close()
				}
			}
		})
	}
	long := p.begin(p.rexec("box", "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.2; done"))
	reloads := 0
	enough := func() bool { return reloads > 10 && ran.Load() > 20 }
	for began := time.Now(); time.Since(began) < 3*time.Second || !enough() && time.Since(began) < slack*soon; reloads++ {
		switch reloads % 4 {
		case 0:
			p.rewrite("rexecd.toml", good+"sessions = 100\nsessions_per_key = 50\ngrace = \"2s\"\n")
			assert.Equal(t, outcome{stderr: "rexecd: reloaded\n"}, reload())
		case 1:
			p.rewrite("rexecd.toml", good+"sessions = 0\n")
			o := reload()
			assert.Equal(t, 1, o.code)
			assert.Regexp(t, `rexecd.toml:\d+:1: "sessions" is 0, want 1 to`, o.stderr)
		case 2:
			p.rewrite("rexecd.toml", good)
			require.NoError(t, p.daemon.Process.Signal(syscall.SIGHUP))
		case 3:
			o := p.run(p.command("rexecd", "key", "add", fmt.Sprint("k", reloads), "--state", p.state), "")
			assert.Equal(t, 0, o.code, o.stderr)
			assert.Contains(t, o.stderr, "the running daemon knows")
		}
	}
	stop.Store(true)
	wg.Wait()
	_ = keep.Close()
	assert.Equal(t, outcome{stdout: "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"}, long.wait(soon))
	t.Logf("%d reloads, %d commands", reloads, ran.Load())
	assert.True(t, enough())
}

func TestReloadIsAllOrNothing(t *testing.T) {
	p := start(t, `accept_env = ["GREETING"]`)
	conf, ring := p.read("rexecd.toml"), p.read("keyring.toml")
	reload := func() outcome { return p.run(p.command("rexecd", "reload", "--state", p.state), "") }
	greet := func() int { return p.run(p.rexec("--env", "GREETING=hi", "box", "true"), "").code }
	require.Zero(t, greet())

	p.rewrite("rexecd.toml", strings.Replace(conf, "GREETING", "OTHER", 1)) // good
	p.rewrite("keyring.toml", ring+"colour = 1\n")                          // not good
	o := reload()
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "keyring.toml:")
	assert.Zero(t, greet(), "the configuration of before holds")
	assert.Contains(t, p.log.String(), "not reloaded: the daemon goes on as before")

	p.rewrite("keyring.toml", ring)
	assert.Equal(t, outcome{stderr: "rexecd: reloaded\n"}, reload())
	assert.Equal(t, 254, greet(), "the new one holds")

	p.rewrite("rexecd.toml", conf+"sessions_per_key = 1\n")
	assert.Equal(t, outcome{stderr: "rexecd: reloaded\n"}, reload())
	j := p.begin(p.rexec("box", "echo in; sleep 30"))
	j.says("in")
	o = p.run(p.rexec("box", "true"), "")
	assert.Equal(t, 254, o.code)
	assert.Contains(t, o.stderr, `key "admin" has 1 sessions already, the most that this daemon allows a key: end one first`)

	p.rewrite("rexecd.toml", strings.Replace(conf, `names = ["box"]`, `names = ["box", "box2"]`, 1)+"metrics = \"127.0.0.1:9\"\n")
	assert.Equal(t, outcome{stderr: "rexecd: reloaded\nrexecd: changed, but only a restart makes it hold: metrics, names\n"}, reload())
	assert.Zero(t, p.run(p.rexec("box", "true"), "").code, "and the rest of it holds")
}
