//go:build linux

package dropin

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDropin02_ProbesOfOtherPrograms(t *testing.T) {
	w := need(t)
	r := w.ssh(t, "-o", "ControlPersist") // Ansible
	assert.NotContains(t, r.Stderr, "Usage:")
	assert.NotContains(t, r.Stderr, "Bad configuration option")
	r = w.ssh(t, "-V")
	assert.Zero(t, r.Code)
	assert.Empty(t, r.Stdout)
	r = w.ssh(t, "-G", "-o", "SendEnv=GIT_PROTOCOL", "-p", "2222", "git@lab1") // git
	require.Zero(t, r.Code, r.Stderr)
	assert.Equal(t, "host lab1\nuser git\nhostname 127.0.0.1\nport 2222\n", r.Stdout)
}

func TestDropin02_ControlCommandsAreAsWithoutAMaster(t *testing.T) {
	w := need(t)
	for _, command := range []string{"check", "exit", "stop"} {
		var codes []int
		for _, v := range []way{w.rexec, w.openssh} {
			r := w.try(t, func(ctx context.Context) *exec.Cmd {
				return w.command(ctx, v, w.dir, v.ssh, "-O", command, "-o", "ControlPath="+w.dir+"/none", "lab1")
			})
			assert.Empty(t, r.Stdout)
			assert.NotEmpty(t, r.Stderr)
			codes = append(codes, r.Code)
		}
		assert.Equal(t, []int{255, 255}, codes, command)
	}
}

func TestDropin04_QuietAndLogFilesAreAsInSSH(t *testing.T) {
	w := need(t)
	for name, args := range map[string][]string{
		"quiet":            {"-q", "-p", "1", "-o", "ConnectTimeout=5", "lab1", "true"},
		"said":             {"-p", "1", "-o", "ConnectTimeout=5", "lab1", "true"},
		"into a file":      {"-E", w.dir + "/messages", "-p", "1", "-o", "ConnectTimeout=5", "lab1", "true"},
		"the command's":    {"-q", "lab1", "echo err >&2; exit 255"},
		"nothing is read":  {"-n", "lab1", "cat"},
		"no terminal":      {"-T", "lab1", "tty"},
		"a long line":      {"lab1", "printf %s " + strings.Repeat("x", 100000) + " | wc -c"},
		"its input is not": {"lab1", "cat; exit 3"},
	} {
		var results []result
		for _, v := range []way{w.rexec, w.openssh} {
			r := w.try(t, func(ctx context.Context) *exec.Cmd {
				cmd := w.command(ctx, v, w.dir, v.ssh, args...)
				cmd.Stdin = strings.NewReader("input")
				return cmd
			})
			if name == "said" { // each in its own words
				require.NotEmpty(t, r.Stderr)
				r.Stderr = ""
			}
			results = append(results, r)
		}
		assert.Equal(t, results[1], results[0], name)
	}
	assert.Equal(t, 2, strings.Count(read(t, w.dir+"/messages"), "\n"), "a line from each")
}
