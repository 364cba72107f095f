//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/faulty"
	"rexec/internal/policy"
	"rexec/internal/server"
	"rexec/session"
)

// grown is a command in a daemon of this process, with a tree: the leader, a child, and one that forked twice and is in
// a session of its own.
type grown struct {
	t      *testing.T
	cfg    client.Config
	proxy  *faulty.Proxy
	client *client.Client
	cmd    *client.Cmd
	pids   map[string]int // leader, child, escaped
}

// grow starts one. stubborn ignores what asks politely, all but KILL.
func grow(t *testing.T, stubborn bool, change func(*server.Config), prepare func(*client.Cmd)) *grown {
	t.Helper()
	g := &grown{t: t, pids: map[string]int{}}
	g.cfg = daemon(t, steady(change))
	var err error
	g.proxy, err = faulty.NewProxy(g.cfg.Address, nil)
	require.NoError(t, err)
	t.Cleanup(g.proxy.Close)
	cfg := g.cfg
	cfg.Address = g.proxy.Addr()
	g.client = client.New(cfg)
	t.Cleanup(func() { _ = g.client.Close() })
	dir := t.TempDir()
	line := `cd ` + dir + `; (setsid sh -c '%[1]s echo $$ >escaped; while :; do sleep 0.02; done' & ) >/dev/null 2>&1 </dev/null
		sh -c '%[1]s echo $$ >child; while :; do sleep 0.02; done' & %[1]s echo $$ >leader; while :; do sleep 0.02; done`
	trap := ""
	if stubborn {
		trap = `trap "" TERM HUP INT;`
	}
	g.cmd = g.client.Shell(context.Background(), fmt.Sprintf(line, trap))
	if prepare != nil {
		prepare(g.cmd)
	}
	require.NoError(t, g.cmd.Start())
	for _, who := range []string{"leader", "child", "escaped"} {
		g.pids[who] = pidIn(t, filepath.Join(dir, who))
	}
	t.Cleanup(func() {
		for _, pid := range g.pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return g
}

// gone waits until all of who are.
func (g *grown) gone(promise time.Duration, who ...string) {
	g.t.Helper()
	for _, w := range who {
		eventually(g.t, promise, func() bool { return !alive(g.pids[w]) }, "%s is gone", w)
	}
}

func (g *grown) result() (session.Result, error) {
	err := g.cmd.Wait()
	var exit *client.ExitError
	if errors.As(err, &exit) {
		return exit.Result, nil
	}
	return g.cmd.Result(), err
}

// ends are all that end a whole tree with pipes.
var ends = map[string]struct {
	do   func(g *grown)
	kind frame.Kind // 0: no verdict reaches the client
}{
	"cancel":          {func(g *grown) { require.NoError(g.t, g.cmd.Cancel(frame.CancelUser)) }, frame.Canceled},
	"timeout":         {func(*grown) {}, frame.TimedOut},
	"connection cut":  {func(g *grown) { g.proxy.Cut() }, 0},
	"connection ends": {func(g *grown) { _ = g.client.Close() }, 0},
}

func TestSem25_EveryEndThatIsAskedForTakesTheWholeTree(t *testing.T) {
	for name, end := range ends {
		for _, stubborn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stubborn %v", name, stubborn), func(t *testing.T) {
				t.Parallel()
				g := grow(t, stubborn, nil, func(c *client.Cmd) {
					if name == "timeout" {
						c.Timeout = 3 * time.Second // in which the tree must be there
					}
				})
				began := time.Now()
				end.do(g)
				everybody := []string{"leader", "child", "escaped"}
				if !hasCgroups() {
					everybody = everybody[:2]
				}
				g.gone(soon, everybody...)
				if stubborn && name != "timeout" {
					assert.GreaterOrEqual(t, time.Since(began), time.Second, "KILL comes after the grace")
				}
				r, err := g.result()
				if end.kind == 0 {
					var unknown *client.UnknownError
					require.ErrorAs(t, err, &unknown)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, end.kind, r.Verdict.Kind)
				if hasCgroups() {
					assert.Zero(t, r.Verdict.Survivors)
				}
			})
		}
	}
}

func TestSem25_WhereThereAreOnlyGroupsWhoEscapesIsReported(t *testing.T) {
	t.Parallel()
	g := grow(t, false, groupsOnly, nil)
	<-g.cmd.Started()
	assert.Equal(t, frame.ContainGroup, g.cmd.Info().Containment)
	require.NoError(t, g.cmd.Cancel(frame.CancelUser))
	g.gone(soon, "leader", "child")
	r, err := g.result()
	require.NoError(t, err)
	assert.True(t, alive(g.pids["escaped"]), "a session of its own leaves a process group")
	// The loop's sleep of the moment may be counted with its shell.
	assert.Contains(t, []uint32{1, 2}, r.Verdict.Survivors)
}

func TestSem25_AnUnpluggedClientLosesItsTreeWithinTheKeepalive(t *testing.T) {
	t.Parallel()
	cfg := daemon(t, func(c *server.Config) { c.Params.PingSeconds = 2 }) // gives up after 4 s of silence
	proxy, err := faulty.NewProxy(cfg.Address, func(int) faulty.Plan {
		return faulty.Plan{Up: faulty.Fault{Stall: 4000}, Down: faulty.Fault{Stall: 40000}}
	})
	require.NoError(t, err)
	defer proxy.Close()
	cfg.Address = proxy.Addr()
	file := filepath.Join(t.TempDir(), "pid")
	c := client.New(cfg)
	defer c.Close()
	cmd := c.Shell(context.Background(), "echo $$ >"+file+"; cat >/dev/null & sleep 300; wait")
	cmd.Stdin = strings.NewReader(strings.Repeat("x", 100000)) // stalls in the middle
	require.NoError(t, cmd.Start())
	pid := pidIn(t, file)
	began := time.Now()
	eventually(t, 4*time.Second, func() bool { return !alive(pid) }, "gone within the keepalive")
	t.Logf("gone %v after the last byte", time.Since(began))
	var unknown *client.UnknownError
	require.ErrorAs(t, cmd.Wait(), &unknown)
}

func TestSem25_OnLostDecidesWhatALostClientLeaves(t *testing.T) {
	for _, by := range []string{"key", "command"} {
		for _, lost := range []string{"tree", "hangup", "none"} {
			t.Run(by+" "+lost, func(t *testing.T) {
				t.Parallel()
				g := grow(t, false, func(c *server.Config) {
					if by == "key" {
						ring := new(policy.Ring)
						for _, k := range c.Ring.Keys() {
							k.OnLost = policy.OnLost(lost)
							require.NoError(t, ring.Add(k))
						}
						c.Ring = ring
					}
				}, func(c *client.Cmd) {
					if by == "command" {
						c.OnLost = map[string]frame.OnLost{"tree": frame.OnLostTree, "hangup": frame.OnLostHangup, "none": frame.OnLostNone}[lost]
					}
				})
				_ = g.client.Close()
				switch lost {
				case "tree":
					g.gone(soon, "leader", "child")
					if hasCgroups() {
						g.gone(soon, "escaped")
					}
				case "hangup":
					g.gone(soon, "leader", "child")
					assert.True(t, alive(g.pids["escaped"]), "HUP goes to the group")
				case "none":
					time.Sleep(300 * time.Millisecond)
					for who, pid := range g.pids {
						assert.True(t, alive(pid), who)
					}
				}
				for _, pid := range g.pids {
					reap(t, pid)
				}
			})
		}
	}
}

func TestSem25_AClientKilledWith9LosesItsTree(t *testing.T) {
	p := start(t)
	j := p.begin(p.rexec("box", escapeUnlessGroup()+"echo ready; sleep 300"))
	j.says("ready")
	began := time.Now()
	j.signal(syscall.SIGKILL)
	eventually(t, time.Second, func() bool { return len(p.tree()) == 0 }, "the tree is gone")
	t.Logf("gone %v after the client", time.Since(began))
	p.nothingLeft()
	p.logs("kind=disconnected")
}

func TestSem25_ATreeThatDoesNotWantToDieIsKilledAfter5Seconds(t *testing.T) {
	t.Parallel()
	p := start(t)
	j := p.begin(p.rexec("box", `trap '' TERM HUP INT; sh -c 'while :; do sleep 0.1; done' & echo ready; while :; do sleep 0.1; done`))
	j.says("ready")
	began := time.Now()
	j.signal(syscall.SIGKILL)
	eventually(t, 6*time.Second, func() bool { return len(p.tree()) == 0 }, "the tree is gone")
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, 4900*time.Millisecond)
	t.Logf("killed after %v", took)
	p.nothingLeft()
}

func TestSem25_WhatANormalEndLeavesLivesOnAndIsCounted(t *testing.T) {
	p := start(t)
	file := filepath.Join(t.TempDir(), "pid")
	cmd, status := p.withStatus("box", `nohup sleep 300 >/dev/null 2>&1 </dev/null & echo $! >`+file+`; exit 3`)
	began := time.Now()
	assert.Equal(t, 3, p.begin(cmd).wait(soon).code)
	assertWithin(t, time.Second, time.Since(began), "nobody holds an output, nothing to linger for")
	pid := pidIn(t, file)
	s := status()
	assert.EqualValues(t, 1, s.Survivors)
	assert.Empty(t, s.Held)
	p.logs("survivors=1") // for the administrator
	assert.True(t, alive(pid))
	p.stop()
	assert.True(t, alive(pid), "also over the daemon's end")
	p.serve()
	assert.True(t, alive(pid), "and the next one's start")
	reap(t, pid)
}

func TestSem25_SurvivorsKillEndsWhatANormalEndLeft(t *testing.T) {
	p := startLimited(t, `survivors = "kill"`)
	file := filepath.Join(t.TempDir(), "pid")
	cmd, status := p.withStatus("box", `nohup sleep 300 >/dev/null 2>&1 </dev/null & echo $! >`+file+`; exit 3`)
	assert.Equal(t, 3, p.begin(cmd).wait(soon).code)
	pid := pidIn(t, file)
	eventually(t, soon, func() bool { return !alive(pid) }, "%d is killed", pid)
	assert.Zero(t, status().Survivors)
	p.nothingLeft()
}

func TestSem25_AKeysDurationEndsTheTree(t *testing.T) {
	t.Parallel()
	p := startLimited(t, `max_duration = "3s"`) // in which it must get to say ready
	cmd, status := p.withStatus("box", escapeUnlessGroup()+`echo ready; sleep 300`)
	o := p.begin(cmd).wait(soon)
	assert.Equal(t, 255, o.code)
	assert.Equal(t, "ready\n", o.stdout)
	assert.Contains(t, o.stderr, "allows")
	assert.Equal(t, "ended", status().Kind)
	p.nothingLeft()
}

func TestSem25_ManyTreesCutAtOnce(t *testing.T) {
	p := start(t)
	proxy, err := faulty.NewProxy(p.dial().Address, nil)
	require.NoError(t, err)
	defer proxy.Close()
	cfg := p.dial()
	cfg.Address = proxy.Addr()
	var wg sync.WaitGroup
	var said [30]syncBuffer
	for i := range said {
		wg.Go(func() {
			c := client.New(cfg)
			defer c.Close()
			cmd := c.Shell(context.Background(), escapeUnlessGroup()+"echo ready; sleep 300")
			cmd.Stdout = &said[i]
			var unknown *client.UnknownError
			assert.ErrorAs(t, cmd.Run(), &unknown)
			assert.Equal(t, "ready\n", said[i].String())
		})
	}
	for i := range said {
		eventually(t, soon, func() bool { return said[i].String() != "" }, "command %d runs", i)
	}
	proxy.Cut()
	wg.Wait()
	p.nothingLeft()
	p.stop()
	assert.NoError(t, os.Remove(filepath.Join(p.state, "run")), "the run folder is empty")
}
