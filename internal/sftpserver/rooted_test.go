package sftpserver

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outside is a folder next to the one that holds the client, with a file that must neither be seen nor changed.
func outside(t *testing.T) (jail, secret string) {
	t.Helper()
	dir := t.TempDir()
	jail, secret = filepath.Join(dir, "jail"), filepath.Join(dir, "out", "secret")
	require.NoError(t, os.Mkdir(jail, 0o755))
	require.NoError(t, os.Mkdir(filepath.Dir(secret), 0o755))
	put(t, secret, "secret")
	require.NoError(t, os.Symlink("../out", jail+"/up"))
	require.NoError(t, os.Symlink(filepath.Dir(secret), jail+"/abs"))
	require.NoError(t, os.Symlink("../out/secret", jail+"/file"))
	require.NoError(t, os.Symlink("up", jail+"/twice"))
	require.NoError(t, os.Mkdir(jail+"/d", 0o755))
	require.NoError(t, os.Symlink("../d", jail+"/d/fine"))
	put(t, jail+"/own", "own")
	return jail, secret
}

func TestSem48_NothingLeadsOutOfTheFolder(t *testing.T) {
	jail, secret := outside(t)
	before := must(os.Stat(secret))
	c := serve(t, Options{Root: jail}, false)
	names := []string{
		"/file", "/up/secret", "/abs/secret", "/twice/secret", "/../out/secret", "/d/../../out/secret", "../out/secret",
		"/up/../out/secret", secret, "/d/fine/../../up/secret",
	}
	for _, name := range names {
		_, err := c.Open(name)
		assert.Error(t, err, name)
		for _, flag := range []int{os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_APPEND} {
			f, err := c.OpenFile(name, flag)
			if err == nil { // a path that is clean inside the folder may be made there
				_ = f.Close()
			}
		}
		_, err = c.Stat(name)
		if name[0] == '/' && name != "/../out/secret" {
			assert.Error(t, err, name)
		}
		_ = c.Chmod(name, 0o777)
		_ = c.Truncate(name, 0)
		_ = c.Chtimes(name, before.ModTime().Add(-1e12), before.ModTime().Add(-1e12))
		_ = c.Link(name, "/linked")
		_ = c.PosixRename("/own", name)
		_ = c.PosixRename(name, "/own")
		_ = c.Rename(name, "/stolen")
		_, _ = c.StatVFS(name)
		if name != "/file" { // the link itself is inside
			_ = c.Remove(name)
			_ = c.RemoveDirectory(filepath.Dir(name))
		}
		_, err = c.ReadDir(filepath.Dir(name))
		if name != "/file" && name[0] == '/' {
			assert.Error(t, err, name)
		}
		_ = c.Mkdir(name + "x")
		_ = c.Symlink("secret", name+"y")
	}
	after := must(os.Stat(secret))
	assert.Equal(t, "secret", get(t, secret))
	assert.Equal(t, []any{before.Mode(), before.ModTime()}, []any{after.Mode(), after.ModTime()})
	list := must(os.ReadDir(filepath.Dir(secret)))
	assert.Len(t, list, 1, "nothing was made or removed there: %v", list)
	assert.Len(t, must(os.ReadDir(filepath.Dir(jail))), 2)
}

func TestSem48_TheFolderIsTheWholeWorld(t *testing.T) {
	jail, _ := outside(t)
	c := serve(t, Options{Root: jail}, false)
	assert.Equal(t, "/", must(c.RealPath(".")))
	assert.Equal(t, "/", must(c.RealPath("../../..")))
	assert.Equal(t, "own", string(read(t, c, "/own")))
	assert.Equal(t, "own", string(read(t, c, "own")))
	assert.Equal(t, "own", string(read(t, c, "/../../own")))
	assert.Equal(t, fs.ModeDir, must(c.Stat("/d/fine")).Mode()&fs.ModeDir, "a link that stays inside works")
	var names []string
	for _, info := range must(c.ReadDir("/")) {
		names = append(names, info.Name())
	}
	slices.Sort(names)
	assert.Equal(t, []string{"abs", "d", "file", "own", "twice", "up"}, names)
	_, err := c.Open("/etc/passwd")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAFolderThatIsMissingIsAnError(t *testing.T) {
	err := Serve(bytes.NewReader(nil), &bytes.Buffer{}, Options{Root: filepath.Join(t.TempDir(), "none")})
	require.ErrorContains(t, err, "the folder that holds SFTP")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
