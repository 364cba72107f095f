//go:build linux

package wine

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem49_FilesThatOthersMayReadAreRefused(t *testing.T) {
	w := need(t)
	b := w.daemon(t)
	assert.Contains(t, b.run(b.rexecd("check", "--state", b.state), "").stderr, "the files are good")
	ring := w.unix(b.state + `\keyring.toml`)
	require.NoError(t, os.Chmod(ring, 0o644)) // which wine shows as an access list
	o := b.run(b.rexecd("check", "--state", b.state), "")
	require.NoError(t, os.Chmod(ring, 0o600))
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, `keyring.toml: may be read by`)
	assert.Contains(t, o.stderr, "icacls "+b.state+`\keyring.toml /inheritance:r`)
}

func TestTheRunningDaemonIsAskedOverItsPipe(t *testing.T) {
	b := windowsDaemon(t, need(t))
	token := b.must(b.rexecd("key", "add", "second", "--state", b.state, "--shell", "pwsh"), "")
	assert.True(t, strings.HasPrefix(token, "rxt1_"))
	b.must(b.rexec("host", "add", "second"), token)
	o := b.run(b.rexec("second", "echo hello"), "")
	assert.Equal(t, 127, o.code, "the key is known; there is no PowerShell in wine: %s", o.stderr)
	assert.Contains(t, o.stderr, `command not found: "pwsh"`)

	o = b.run(b.rexecd("serve", "--state", b.state), "")
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "is running already")
	b.kill()
	o = b.run(b.rexecd("status", "--state", b.state), "")
	assert.Contains(t, o.stderr, "no daemon is running here")
}

func TestTheServiceIsInstalledStartedStoppedAndRemoved(t *testing.T) {
	w := need(t)
	w.daemon(t) // wine ends its services with the last program that is none
	b := windowsDaemon(t, w)
	b.kill()
	t.Cleanup(func() { _ = b.run(b.rexecd("service", "uninstall"), "") })
	service := func(args ...string) string {
		t.Helper()
		o := b.run(b.rexecd(append([]string{"service"}, args...)...), "")
		require.Zero(t, o.code, o.stderr)
		return o.stderr
	}
	assert.Contains(t, b.run(b.rexecd("service", "start"), "").stderr, "make it with rexecd service install")
	assert.Contains(t, service("install", "--state", b.state), "start it with: rexecd service start")
	assert.Contains(t, service("start"), "is running")
	assert.Equal(t, "served\r\n", b.must(b.rexec("box", "echo served"), ""))
	assert.Contains(t, service("stop"), "is stopped")
	assert.Contains(t, b.run(b.rexecd("status", "--state", b.state), "").stderr, "no daemon is running here")
	assert.Contains(t, service("uninstall"), "is removed")
	assert.Contains(t, b.run(b.rexecd("service", "run"), "").stderr, "this is for Windows to say")
}
