//go:build unix

package inventory

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rexec/internal/secretfile"
)

func TestTokenThatOthersCouldHaveReadIsRefused(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.Add("a", hostToken("a")))
	h, err := inv.Find("a")
	require.NoError(t, err)
	path := inv.path(keysDir, "a")
	refused := func(want string) {
		t.Helper()
		_, err := inv.Token(h)
		var no *secretfile.Refused
		require.ErrorAs(t, err, &no)
		require.ErrorContains(t, err, want)
	}

	require.NoError(t, os.Chmod(path, 0o644))
	refused("is open to others (mode 0644): chmod 600 " + path)
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.Rename(path, path+".real"))
	require.NoError(t, os.Symlink(path+".real", path))
	refused("is a symbolic link")
	require.NoError(t, os.Remove(path))
	require.NoError(t, unix.Mkfifo(path, 0o600))
	refused("is a FIFO")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	refused("is a folder")
}

func TestSecretsAreClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rexec")
	old := unix.Umask(0)
	defer unix.Umask(old)
	inv, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, inv.Add("a", hostToken("a")))
	require.NoError(t, inv.SetPin("a", pinOf('1')))
	for name, mode := range map[string]os.FileMode{".": 0o700, "keys": 0o700, "keys/a": 0o600, "pins.toml": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}

func TestHostsFileMayBeALinkAndStaysOne(t *testing.T) {
	inv := opened(t, "")
	real := filepath.Join(t.TempDir(), "dotfiles.toml")
	require.NoError(t, os.WriteFile(real, []byte("# mine\n"), 0o644))
	require.NoError(t, os.Remove(inv.path(hostsFile)))
	require.NoError(t, os.Symlink(real, inv.path(hostsFile)))
	require.NoError(t, inv.Add("a", hostToken("a")))
	text, err := os.ReadFile(real)
	require.NoError(t, err)
	assert.Contains(t, string(text), "# mine\n")
	assert.Contains(t, string(text), `name = "a"`)
	_, err = os.Readlink(inv.path(hostsFile))
	require.NoError(t, err)
}

func TestFIFOInPlaceOfAFileDoesNotHang(t *testing.T) {
	for _, name := range []string{hostsFile, pinsFile} {
		dir := t.TempDir()
		require.NoError(t, unix.Mkfifo(filepath.Join(dir, name), 0o600))
		_, err := Open(dir)
		require.ErrorContains(t, err, "not a regular file")
	}
}

func TestPinsThatOthersCouldChangeAreNotBelieved(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.SetPin("a", pinOf('1')))
	require.NoError(t, os.Chmod(inv.path(pinsFile), 0o666))
	_, err := Open(inv.dir)
	require.ErrorContains(t, err, "is open to others (mode 0666)")
}

func TestASecretIsNotLeftWithoutAnEntry(t *testing.T) {
	inv := opened(t, strings.Repeat("# a long file\n", 80_000)) // longer than what go test itself writes meanwhile
	// A disk with room for the key and none for the larger hosts.toml.
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: was.Max}))
	err := inv.Add("box", hostToken("box"))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was))
	require.ErrorIs(t, err, syscall.EFBIG)
	left, err := os.ReadDir(inv.path(keysDir))
	require.NoError(t, err)
	assert.Empty(t, left)
}
