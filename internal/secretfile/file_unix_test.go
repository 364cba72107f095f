//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestEverythingMadeIsClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	old := unix.Umask(0)
	defer unix.Umask(old)
	require.NoError(t, MkdirPrivate(dir))
	require.NoError(t, Write(filepath.Join(dir, "written"), nil))
	require.NoError(t, Create(filepath.Join(dir, "created"), nil))
	require.NoError(t, createHere(filepath.Join(dir, "created here"), nil))
	unlock, err := Lock(filepath.Join(dir, "written"))
	require.NoError(t, err)
	unlock()

	for name, mode := range map[string]os.FileMode{
		"..": 0o700, ".": 0o700, "written": 0o600, "created": 0o600, "created here": 0o600, "written.lock": 0o600,
	} {
		info, err := os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}

func TestOddUmaskDoesNotLockUsOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	old := unix.Umask(0o377)
	defer unix.Umask(old)
	require.NoError(t, Write(path, []byte("x")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestReplacingClosesAFileThatStoodOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := Read(path, 10)
	require.EqualError(t, err, shown(path)+": is open to others (mode 0644): chmod 600 "+shown(path))
	require.NoError(t, Write(path, []byte("y")))
	_, err = Read(path, 10)
	require.NoError(t, err)
}

func TestSem49_LinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, Write(target, []byte("x")))
	require.NoError(t, os.Symlink(target, link))
	_, err := Read(link, 10)
	require.EqualError(t, err, shown(link)+": is a symbolic link, not a regular file: put a regular file there")

	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "dangling")))
	_, err = Read(filepath.Join(dir, "dangling"), 10)
	require.ErrorContains(t, err, "is a symbolic link")
	require.ErrorIs(t, Create(filepath.Join(dir, "dangling"), nil), fs.ErrExist)

	require.NoError(t, os.Symlink(target, filepath.Join(dir, "ring.lock")))
	_, err = Lock(filepath.Join(dir, "ring"))
	require.ErrorContains(t, err, "is a symbolic link")

	require.NoError(t, Write(link, []byte("new")), "replacing takes the place of the link")
	got, err := Read(target, 10)
	require.NoError(t, err)
	assert.Equal(t, "x", string(got), "and leaves alone what it led to")
}

func TestFolderOnTheWayMayBeALink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, MkdirPrivate(filepath.Join(dir, "real")))
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "way")))
	path := filepath.Join(dir, "way", "ring")
	require.NoError(t, Write(path, []byte("x")))
	_, err := Read(path, 10)
	require.NoError(t, err)
	require.NoError(t, MkdirPrivate(filepath.Join(dir, "way")))
}

func TestSem49_FIFODoesNotBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	_, err := Read(path, 10)
	require.EqualError(t, err, shown(path)+": is a FIFO, not a regular file: put a regular file there")
	require.NoError(t, unix.Mkfifo(path+".lock", 0o600))
	_, err = Lock(path)
	require.ErrorContains(t, err, "is a FIFO")
}

func TestSocketAndDeviceAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	_, err = Read(path, 10)
	require.ErrorContains(t, err, "is a socket")
	_, err = Read("/dev/null", 10)
	require.ErrorContains(t, err, "is a device")
}

func TestSem49_AnothersFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	require.NoError(t, Write(path, []byte("x")))
	reader := os.Geteuid()
	if reader == 0 { // root can give it away; anybody else reads as if they were another
		require.NoError(t, os.Chown(path, 4242, -1))
	} else {
		reader++
	}
	_, err := readAs(path, 10, reader)
	require.ErrorContains(t, err, "who could change it: chown ")
}

func TestFolderOthersCanWriteToIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	require.NoError(t, MkdirPrivate(dir))
	require.NoError(t, os.Chmod(dir, 0o777))
	require.EqualError(t, MkdirPrivate(dir), shown(dir)+": others can replace what is in it (mode 0777): chmod 700 "+shown(dir))
}
