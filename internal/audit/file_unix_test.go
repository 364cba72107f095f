//go:build unix

package audit

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	_, path := logAt(t, Options{Path: filepath.Join(t.TempDir(), "new", "audit.log")})
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		fi, err := os.Stat(p)
		require.NoError(t, err)
		assert.Equal(t, mode, fi.Mode().Perm(), p)
	}
}

func TestWhatIsNoLogOfOursIsRefused(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(in("file"), nil, 0o600))
	require.NoError(t, os.Symlink(in("file"), in("link")))
	require.NoError(t, syscall.Mkfifo(in("fifo"), 0o600))
	require.NoError(t, os.WriteFile(in("open"), nil, 0o600))
	require.NoError(t, os.Chmod(in("open"), 0o620))
	for path, want := range map[string]string{
		in("link"):  "is a symbolic link: name the file itself",
		in("fifo"):  "is no regular file",
		"/dev/null": "is no regular file",
		in("open"):  "others may change .* chmod go-w",
		dir:         "is a directory",
	} {
		_, err := Open(Options{Path: path})
		assert.Regexp(t, "^audit log: .*"+want, err)
	}
	require.NoError(t, os.Chmod(in("open"), 0o640))
	logAt(t, Options{Path: in("open")}) // who may read it is the administrator's business
}

func TestSem51_ARemovedFileIsMadeAnew(t *testing.T) {
	l, path := logAt(t, Options{})
	require.NoError(t, l.Write(run("a")))
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, l.Write(run("b")))
	assert.Len(t, linesOf(t, path+".1"), 2, "renamed: until it is told")
	require.NoError(t, os.Remove(path+".1"))
	require.NoError(t, l.Write(run("c")))
	require.Len(t, linesOf(t, path), 1)
	assert.Equal(t, "c", parse(t, linesOf(t, path)[0]).Line)
}

func TestALineIsOneWriteEvenOfTheLongest(t *testing.T) {
	l, path := logAt(t, Options{})
	long := make([]byte, maxCommand)
	require.NoError(t, l.Write(run(string(long))))
	all := linesOf(t, path)
	require.Len(t, all, 1)
	assert.Equal(t, string(long), parse(t, all[0]).Line)
	assert.LessOrEqual(t, cap(l.buf), keptBuffer)
}
