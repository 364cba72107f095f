//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheRealSudoAsksOnceForMany is on accounts of its own, one that has to give its password and one that has not.
func TestTheRealSudoAsksOnceForMany(t *testing.T) {
	mayMakeUsers(t)
	if _, err := exec.LookPath("sudo"); err != nil {
		require.NotEqual(t, "all", os.Getenv("REXEC_E2E"), "REXEC_E2E=all leaves nothing out: install sudo")
		t.Skip("no sudo here")
	}
	const password = "open  sesame'" // as a person types it, blanks and quote included
	asked, free := account(t, "a").Username, account(t, "f").Username
	set := exec.Command("chpasswd")
	set.Stdin = strings.NewReader(asked + ":" + password + "\n")
	out, err := set.CombinedOutput()
	require.NoError(t, err, string(out))
	rules := filepath.Join("/etc/sudoers.d", asked)
	require.NoError(t, os.WriteFile(rules, []byte(asked+" ALL=(ALL:ALL) ALL\n"+free+" ALL=(ALL:ALL) NOPASSWD: ALL\n"), 0o440))
	t.Cleanup(func() { require.NoError(t, os.Remove(rules)) })

	p := rowed(t)
	file := filepath.Join(t.TempDir(), "in")
	require.NoError(t, os.WriteFile(file, []byte("piped\n"), 0o600))
	for user, stdin := range map[string]string{asked: file, free: file, asked + " ": "/dev/tty", free + " ": "/dev/tty"} {
		cmd := p.rexec("--become", "--fold", "-l", strings.TrimSpace(user), "n[001-003]", "id -un; cat")
		sh := exec.Command("/bin/sh", append([]string{"-c", `exec "$@" <"$0"`, stdin, cmd.Path}, cmd.Args[1:]...)...)
		sh.Env = cmd.Env
		s := p.console(sh)
		s.sees("(not shown): ")
		s.isSilent()
		s.types(password + "\r")
		o := s.ends(soon)
		assert.Zero(t, o.code, "%s: %s", user, s.screen)
		s.sees("rexec: ok 3: n[001-003]\r\n")
		assert.NotContains(t, s.screen.String(), "sesame", user)
		if stdin == file {
			assert.Contains(t, s.screen.String(), "  root\r\n  piped\r\n", user)
		} else {
			assert.Contains(t, s.screen.String(), "n[001-003]: root\r\n", user)
		}
	}
	s := p.console(p.rexec("--become", "-l", asked, "n[001-002]", "id -un"))
	s.sees("(not shown): ")
	s.types("wrong\r")
	assert.Equal(t, 1, s.ends(soon).code)
	s.sees("rexec: n001: sudo did not take the password\r\n")
	p.nothingLeft()
}
