//go:build linux

package dropin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// host makes a key with limits, and a host entry that uses it.
func (w *world) host(t *testing.T, name string, limits ...string) {
	t.Helper()
	token, err := w.rexecd(append([]string{"key", "add", name}, limits...)...).Output()
	require.NoError(t, err)
	require.NoError(t, w.addHost(name, token))
	t.Cleanup(func() {
		require.NoError(t, w.rexecd("key", "rm", name).Run())
		w.run(t, w.rexec, w.dir, w.dir+"/bin/rexec", "host", "rm", name)
	})
}

// ssh runs rexec-ssh.
func (w *world) ssh(t *testing.T, args ...string) result {
	t.Helper()
	return w.try(t, func(ctx context.Context) *exec.Cmd { return w.command(ctx, w.rexec, w.dir, w.rexec.ssh, args...) })
}

func TestSem48_AKeyForFilesGivesOneFolderToEveryProgram(t *testing.T) {
	w := need(t, "sftp", "scp", "rsync")
	there, here := t.TempDir(), t.TempDir()
	plant(t, there)
	require.NoError(t, os.Symlink("/etc", there+"/out"))
	require.NoError(t, os.Symlink("../../../../../../etc/passwd", there+"/passwd"))
	w.host(t, "files", "--sftp-root", there)

	r := w.sftp(t, w.rexec, here, "files", "pwd", "-ls /etc/passwd", "-get /out/passwd", "-get passwd", "-get ../../../../../../../etc/passwd",
		"-put /etc/hostname out/x", "-ls out", `get "`+chinese+`" back`, "put back 副本", "ls -1")
	require.Zero(t, r.Code, r.Stderr)
	assert.Contains(t, r.Stdout, "Remote working directory: /\n")
	assert.NotContains(t, r.Stdout+r.Stderr, "root:")
	assert.Equal(t, "你好\n", read(t, here+"/back"))
	assert.Equal(t, "你好\n", read(t, there+"/副本"))
	assert.NoFileExists(t, here+"/passwd")
	assert.NoFileExists(t, "/etc/x")

	w.run(t, w.rexec, here, "scp", "-q", "-S", w.rexec.ssh, "files:/"+chinese, "again")
	assert.Equal(t, "你好\n", read(t, here+"/again"))
	for name, args := range map[string][]string{
		"a command":    {"files", "cat", "/etc/passwd"},
		"a shell":      {"-T", "files"},
		"the program":  {"files", "rexecd", "sftp-server"},
		"a connection": {"-W", fmt.Sprintf("127.0.0.1:%d", w.sshPort), "files"},
		"a subsystem":  {"-s", "files", "netconf"},
	} {
		r := w.ssh(t, args...)
		assert.Equal(t, 255, r.Code, "%s: %s", name, r.Stdout)
		assert.Empty(t, r.Stdout, name)
		assert.Contains(t, r.Stderr, "refused by the daemon's policy", name)
	}
	old := w.try(t, func(ctx context.Context) *exec.Cmd {
		return w.command(ctx, w.rexec, here, "scp", "-O", "-S", w.rexec.ssh, "files:/"+chinese, "x")
	})
	assert.NotZero(t, old.Code)
	assert.Contains(t, old.Stderr, "without -O")
}

func TestSem48_SFTPRunsAsTheSessionsUserAndEndsWithIt(t *testing.T) {
	w := need(t, "sftp", "useradd", "userdel")
	if os.Getuid() != 0 {
		require.False(t, everything, "REXEC_E2E=all leaves nothing out: run as root")
		t.Skip("not run: only root makes users")
	}
	name := fmt.Sprintf("rxd%d", os.Getpid())
	home := filepath.Join(w.dir, name)
	require.NoError(t, errors.Join(os.Chmod(w.dir, 0o711), os.Chmod(w.dir+"/bin", 0o700))) // the program itself cannot be reached by that user
	w.run(t, w.rexec, "/", "useradd", "-r", "-m", "-d", home, "-s", "/bin/sh", name)
	t.Cleanup(func() {
		w.run(t, w.rexec, "/", "userdel", "-r", "-f", name)
		require.NoError(t, os.Chmod(w.dir+"/bin", 0o755))
	})
	w.host(t, "theirs", "--user", name, "--sftp-root", "up")
	require.NoError(t, os.Mkdir(home+"/up", 0o777))
	require.NoError(t, os.Chmod(home+"/up", 0o777))
	here := t.TempDir()
	require.NoError(t, os.WriteFile(here+"/f", []byte("x"), 0o640))
	r := w.sftp(t, w.rexec, here, "theirs", "mkdir new", "put f new/file", "put f ../x", "-chmod 600 /", "pwd")
	require.Zero(t, r.Code, r.Stderr)
	owner := w.run(t, w.rexec, "/", "stat", "-c", "%U %a", home+"/up/new", home+"/up/new/file", home+"/up/x", home+"/up")
	assert.Equal(t, name+" 755\n"+name+" 640\n"+name+" 640\nroot 777\n", owner, "a folder in the home; the parent of / is /")
	w.settled(t)
	log := read(t, w.state+"/audit.log")
	assert.Regexp(t, `"event":"command.accepted".*"key":"theirs".*"user":"`+name+`","subsystem":"sftp".*"cwd":"`+home+`/up"`, log)
}

func TestSem48_AKeysDestinationsHoldForDashW(t *testing.T) {
	w := need(t)
	w.host(t, "tunnel", "--command-pattern", "true", "--forward", fmt.Sprintf("127.0.0.1:%d", w.sshPort))
	out := w.run(t, w.rexec, w.dir, "/usr/bin/ssh", w.inner("-o", fmt.Sprintf("ProxyCommand=%s -W 127.0.0.1:%d tunnel", w.rexec.ssh, w.sshPort), "lab1", "echo through")...)
	assert.Equal(t, "through\n", out)
	r := w.ssh(t, "-W", fmt.Sprintf("127.0.0.1:%d", w.port), "tunnel")
	assert.Equal(t, 255, r.Code)
	assert.Contains(t, r.Stderr, `key "tunnel" may not forward to`)
	w.host(t, "shut", "--no-forward")
	r = w.ssh(t, "-W", fmt.Sprintf("127.0.0.1:%d", w.sshPort), "shut")
	assert.Equal(t, 255, r.Code)
	assert.Contains(t, r.Stderr, `key "shut" may forward nothing`)
	assert.Equal(t, result{Stdout: "hi\n"}, w.ssh(t, "shut", "echo", "hi"))
}
