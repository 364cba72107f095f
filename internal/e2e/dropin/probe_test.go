//go:build linux

package dropin

import (
	"context"
	"os/exec"
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
