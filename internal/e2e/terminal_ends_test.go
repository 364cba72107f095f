//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/policy"
	"rexec/internal/server"
)

func TestSem25_ACommandThatEndedLeavesItsTerminalToNobody(t *testing.T) {
	t.Parallel()
	y := sit(t, "", nil, nil)
	y.populate(false)
	y.types("\x03") // the one in front ends, and the shell has the terminal again
	y.gone(soon, "front")
	began := time.Now()
	y.types("exit 3\n")
	if waited := waitsForJobs(y); waited { // some shells ask once more while a job runs
		go func() { _, _ = io.WriteString(y.in, "exit 3\n") }() // others are only slow: nobody may be there to take it
	}
	r, err := y.result(soon)
	require.NoError(t, err)
	assertWithin(t, soon, time.Since(began), "nobody is waited for")
	assert.Equal(t, frame.Exited, r.Verdict.Kind)
	assert.Equal(t, int64(3), r.Verdict.Code)
	assert.GreaterOrEqual(t, r.Verdict.Survivors, uint32(2))
	y.gone(soon, "shell")
	time.Sleep(100 * time.Millisecond) // whoever is hung up is gone by then
	y.lives("nohup", "behind", "away")
}

// waitsForJobs reports whether the shell lives on after exit because jobs run.
func waitsForJobs(y *typist) bool {
	select {
	case <-y.cmd.Done():
		return false
	case <-time.After(300 * time.Millisecond):
		return alive(y.pids["shell"])
	}
}

// TestSem25_TheForegroundIsHungUpWhenItsLeaderEnds: what a command left behind in its own group had the terminal.
func TestSem25_TheForegroundIsHungUpWhenItsLeaderEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	y := sit(t, fmt.Sprintf(`cd %s; sh -c 'echo $$ >front; exec sleep 300' & nohup sh -c 'echo $$ >nohup; exec sleep 300' >/dev/null 2>&1 &
		setsid sh -c 'echo $$ >away; exec sleep 300' & while [ ! -s front ] || [ ! -s nohup ] || [ ! -s away ]; do sleep 0.01; done; exit 4`, dir), nil, nil)
	for _, who := range []string{"front", "nohup", "away"} {
		y.pids[who] = pidIn(t, filepath.Join(dir, who))
	}
	r, err := y.result(soon)
	require.NoError(t, err)
	assert.Equal(t, int64(4), r.Verdict.Code)
	assert.Equal(t, frame.HeldOut, r.Verdict.Held, "one with a session of its own still had the terminal open")
	y.gone(soon, "front")
	y.lives("nohup", "away")
}

// grace is the time between asking and killing in these tests, longGrace where who is asked must get to do something first.
const (
	grace     = 300 * time.Millisecond
	longGrace = 2 * time.Second
)

// graceOf a tree that is stubborn or not.
func graceOf(stubborn bool) time.Duration {
	if stubborn {
		return grace
	}
	return longGrace
}

// endTime is what ends a tree by itself in these tests: until then all of it must have been started.
const endTime = 4 * time.Second

// terminalEnds are all that end a whole tree with a terminal.
var terminalEnds = map[string]struct {
	change  func(*server.Config)
	prepare func(*client.Cmd)
	do      func(t *testing.T, y *typist, s *server.Server)
	kind    frame.Kind
}{
	"cancel": {do: func(t *testing.T, y *typist, _ *server.Server) { require.NoError(t, y.cmd.Cancel(frame.CancelGoodbye)) },
		kind: frame.Canceled},
	"timeout":      {prepare: func(c *client.Cmd) { c.Timeout = endTime }, kind: frame.TimedOut},
	"max_duration": {change: limited(func(k *policy.Key) { k.MaxDuration = endTime }), kind: frame.Ended},
	"idle_timeout": {change: limited(func(k *policy.Key) { k.IdleTimeout = endTime }), kind: frame.Ended},
	"key removed": {do: func(_ *testing.T, _ *typist, s *server.Server) { s.SetRing(new(policy.Ring)) },
		kind: frame.Ended},
	"shutdown": {do: func(t *testing.T, _ *typist, s *server.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		go func() { _ = s.Shutdown(ctx) }()
	}, kind: frame.Ended},
}

// limited changes the daemon's keys.
func limited(limit func(*policy.Key)) func(*server.Config) {
	return func(c *server.Config) {
		ring := new(policy.Ring)
		for _, k := range c.Ring.Keys() {
			limit(&k)
			if err := ring.Add(k); err != nil {
				panic(err)
			}
		}
		c.Ring = ring
	}
}

func TestSem25_EveryEndOfATerminalThatIsAskedForTakesTheTree(t *testing.T) {
	for name, end := range terminalEnds {
		for _, stubborn := range []bool{false, true} {
			if end.do == nil && stubborn {
				continue // what takes its time is enough once
			}
			t.Run(fmt.Sprintf("%s, stubborn %v", name, stubborn), func(t *testing.T) {
				t.Parallel()
				var s *server.Server
				cfg := daemonServer(t, func(c *server.Config) {
					c.Grace = graceOf(stubborn)
					if end.change != nil {
						end.change(c)
					}
				}, func(made *server.Server) { s = made })
				y := sitAt(t, cfg, "", end.prepare)
				y.populate(stubborn)
				began := time.Now()
				if end.do != nil {
					end.do(t, y, s)
				}
				who := []string{"shell", "nohup", "behind", "front"}
				if hasCgroups() {
					who = append(who, "away")
				}
				y.gone(soon, who...)
				if end.do != nil {
					assert.GreaterOrEqual(t, time.Since(began), graceOf(stubborn), "nohup ignores what asks: KILL comes after the grace")
				}
				if !stubborn {
					b, err := os.ReadFile(filepath.Join(y.dir, "asked"))
					require.NoError(t, err)
					assert.Equal(t, "hup\n", string(b), "a terminal's tree is asked by HUP")
				}
				r, err := y.result(soon)
				require.NoError(t, err)
				assert.Equal(t, end.kind, r.Verdict.Kind)
				if hasCgroups() {
					assert.Zero(t, r.Verdict.Survivors)
				}
			})
		}
	}
}

// terminalLosses are all that take the viewer away.
var terminalLosses = map[string]func(y *typist){
	"cut":    func(y *typist) { y.proxy.Cut() },
	"closed": func(y *typist) { _ = y.client.Close() },
}

func TestSem25_ALostTerminalIsHungUpAndLeavesWhatASshWouldLeave(t *testing.T) {
	for name, lose := range terminalLosses {
		for _, stubborn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stubborn %v", name, stubborn), func(t *testing.T) {
				t.Parallel()
				y := sit(t, "", func(c *server.Config) { c.Grace = graceOf(stubborn) }, nil)
				y.populate(stubborn)
				began := time.Now()
				lose(y)
				y.gone(soon, "shell", "front")
				if stubborn {
					assert.GreaterOrEqual(t, time.Since(began), grace-50*time.Millisecond, "KILL comes after the grace")
				} else {
					b, err := os.ReadFile(filepath.Join(y.dir, "asked"))
					require.NoError(t, err)
					assert.Equal(t, "hup\n", string(b))
				}
				time.Sleep(graceOf(stubborn) + grace)
				y.lives("nohup", "away")
				var unknown *client.UnknownError
				_, err := y.result(soon)
				require.ErrorAs(t, err, &unknown)
			})
		}
	}
}

func TestSem25_OnLostDecidesWhatALostTerminalLeaves(t *testing.T) {
	for _, by := range []string{"key", "command"} {
		for _, lost := range []string{"tree", "hangup", "none"} {
			t.Run(by+" "+lost, func(t *testing.T) {
				t.Parallel()
				y := sit(t, "", func(c *server.Config) {
					c.Grace = grace
					if by == "key" {
						limited(func(k *policy.Key) { k.OnLost = policy.OnLost(lost) })(c)
					}
				}, func(c *client.Cmd) {
					if by == "command" {
						c.OnLost = map[string]frame.OnLost{"tree": frame.OnLostTree, "hangup": frame.OnLostHangup, "none": frame.OnLostNone}[lost]
					}
				})
				y.populate(false)
				y.proxy.Cut()
				switch lost {
				case "tree":
					y.gone(soon, "shell", "front", "behind", "nohup")
					if hasCgroups() {
						y.gone(soon, "away")
					}
				case "hangup":
					y.gone(soon, "shell", "front")
					time.Sleep(2 * grace)
					y.lives("nohup", "away")
				case "none":
					time.Sleep(2 * grace)
					y.lives("shell", "front", "behind", "nohup", "away")
				}
				for _, pid := range y.pids {
					reap(t, pid)
				}
			})
		}
	}
}
