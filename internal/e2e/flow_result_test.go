//go:build linux

package e2e

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
)

const zeros = `head -c 100000 /dev/zero; exit 7`

func TestSem09_TheVerdictNeverOvertakesOutput(t *testing.T) {
	cfg := daemon(t, steady(nil))
	var clients []*client.Client
	for range 4 { // half on shared connections, half on their own
		clients = append(clients, client.New(cfg))
	}
	work := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range work {
				c := clients[i%len(clients)]
				if own := i%8 == 7; own {
					c = client.New(cfg)
				}
				var out bytes.Buffer
				cmd := c.Shell(context.Background(), zeros)
				cmd.Stdout = &out
				err := cmd.Run()
				var exit *client.ExitError
				if assert.ErrorAs(t, err, &exit) {
					assert.EqualValues(t, 7, exit.Result.Verdict.Code)
				}
				assert.Equal(t, 100000, out.Len())
				if i%8 == 7 {
					assert.NoError(t, c.Close())
				}
			}
		})
	}
	for i := range 1000 {
		work <- i
	}
	close(work)
	wg.Wait()
	for _, c := range clients {
		assert.NoError(t, c.Close())
	}
}

func TestSem09_TheVerdictNeverOvertakesOutputOfTheProgram(t *testing.T) {
	p := start(t)
	for range 30 {
		o := p.run(p.rexec("box", zeros), "")
		require.Equal(t, 7, o.code, o.stderr)
		require.Len(t, o.stdout, 100000)
	}
	p.nothingLeft()
}

func TestSem10_TheStatusFileSaysEverything(t *testing.T) {
	p := start(t)
	cmd, status := p.withStatus("box", "head -c 10 | cat; printf abc >&2; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 5")
	o := p.run(cmd, "0123456789rest of the input")
	s := status()
	assert.Equal(t, 5, o.code, o.stderr)
	assert.Equal(t, 24, s.fields)
	assert.Equal(t, "box", s.Host)
	assert.Equal(t, "exited", s.Kind)
	require.NotNil(t, s.Code)
	assert.EqualValues(t, 5, *s.Code)
	assert.Equal(t, 5, s.Exit)
	assert.GreaterOrEqual(t, s.BytesIn, uint64(10), "what the pipe took")
	assert.EqualValues(t, 10, s.BytesOut)
	assert.EqualValues(t, 3, s.BytesErr)
	assert.Empty(t, s.Signal)
	assert.NotNil(t, s.Held)
	assert.Positive(t, s.WallUS)
	assert.Positive(t, s.UserUS+s.SystemUS)
	assert.Len(t, s.Session, 32)
	assert.Contains(t, p.log.String(), s.Session)
	assert.Equal(t, "linux", s.OS)
	assert.Equal(t, "utf-8", s.Encoding)
	assert.Equal(t, map[bool]string{true: "cgroup", false: "group"}[hasCgroups()], s.Containment)
	assert.Empty(t, s.ErrorClass)
	assert.Empty(t, s.Error)

	for line, want := range map[string]told{
		"kill -SEGV $$": {Kind: "signaled", Signal: "SEGV", Exit: 139},
		"kill -KILL $$": {Kind: "signaled", Signal: "KILL", Exit: 137},
		"exit 255":      {Kind: "exited", Exit: 255},
	} {
		cmd, status := p.withStatus("box", line)
		assert.Equal(t, want.Exit, p.run(cmd, "").code)
		s := status()
		assert.Equal(t, []any{want.Kind, want.Signal, want.Exit, ""}, []any{s.Kind, s.Signal, s.Exit, s.ErrorClass}, line)
	}
}

func TestSem10_TheStatusFileTellsOurOwnFailures(t *testing.T) {
	p := start(t)
	for _, c := range []struct {
		args        []string
		exit        int
		kind, class string
	}{
		{[]string{"--argv", "box", "/nonexistent"}, 127, "start_failed", "start"},
		{[]string{"--argv", "box", "/etc/passwd"}, 126, "start_failed", "start"},
		{[]string{"--env", "LD_PRELOAD=x", "box", "true"}, 254, "refused", "refused"},
		{[]string{"nobox", "true"}, 255, "not_started", "local"},
		{[]string{"-p", "1", "box", "true"}, 255, "not_started", "connect"},
	} {
		cmd, status := p.withStatus(c.args...)
		o := p.run(cmd, "")
		s := status()
		assert.Equal(t, []any{c.exit, c.exit, c.kind, c.class}, []any{o.code, s.Exit, s.Kind, s.ErrorClass}, "%v: %+v", c.args, s)
		assert.NotEmpty(t, s.Error)
		assert.Equal(t, 24, s.fields)
	}
	p.nothingLeft()
}

func TestSem10_AFullDiskIsOurFailure(t *testing.T) {
	p := start(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	for _, line := range []string{"echo hello", "yes", "seq 1 100000; exit 3"} {
		cmd, status := p.withStatus("box", line)
		cmd.Stdout = full
		j := p.begin(cmd)
		o := j.wait(soon)
		assert.Equal(t, 255, o.code, line)
		assert.Contains(t, o.stderr, "no space left on device", line)
		assert.Equal(t, "local", status().ErrorClass, line)
		// The same on stderr, whose loss cannot be said there.
		cmd, status = p.withStatus("box", "{ "+line+"; } >&2")
		cmd.Stderr = full
		assert.Equal(t, 255, p.begin(cmd).wait(soon).code, line)
		assert.Equal(t, "local", status().ErrorClass, line)
	}
	o := p.run(p.rexec("--status-json", "/dev/full", "box", "true"), "")
	assert.Equal(t, 255, o.code, "a status that is lost is a failure")
	p.nothingLeft()
}

func TestSem10_AReaderThatLeavesIsNoFailure(t *testing.T) {
	p := start(t)
	for code := range 3 {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		cmd := p.rexec("box", "yes; exit "+strconv.Itoa(code))
		cmd.Stdout = w
		j := p.begin(cmd)
		require.NoError(t, w.Close())
		_, err = r.Read(make([]byte, 100))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		o := j.wait(soon)
		assert.Equal(t, outcome{code: code, stderr: o.stderr}, o, "the command's own")
		assert.NotContains(t, o.stderr, "rexec:", "quiet")
	}
	p.nothingLeft()
}
