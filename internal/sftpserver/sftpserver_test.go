package sftpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve runs a server until the client is done; slow has it read byte by byte.
func serve(t *testing.T, opt Options, slow bool) *sftp.Client {
	t.Helper()
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	served := make(chan error, 1)
	in := io.Reader(toServer)
	if slow {
		in = iotest.OneByteReader(in)
	}
	go func() {
		err := Serve(in, fromServer, opt)
		_ = fromServer.Close()
		_ = toServer.Close()
		served <- err
	}()
	c, err := sftp.NewClientPipe(toClient, fromClient, sftp.MaxPacketUnchecked(255<<10), sftp.UseConcurrentWrites(true))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		require.NoError(t, <-served)
	})
	return c
}

// both runs a test with and without a folder that holds the client in; at is the test's folder as the client names it.
func both(t *testing.T, test func(t *testing.T, c *sftp.Client, dir, at string)) {
	t.Run("everything", func(t *testing.T) {
		dir := t.TempDir()
		test(t, serve(t, Options{}, false), dir, dir)
	})
	t.Run("rooted", func(t *testing.T) {
		dir := t.TempDir()
		test(t, serve(t, Options{Root: dir}, false), dir, "/")
	})
	t.Run("slow", func(t *testing.T) {
		dir := t.TempDir()
		test(t, serve(t, Options{Root: dir}, true), dir, "/")
	})
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestFilesTravelWholeBothWays(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		data := make([]byte, 600<<10+17)
		_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
		f, err := c.Create(at + "/up")
		require.NoError(t, err)
		_, err = f.ReadFrom(bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, sha256.Sum256(data), sha256.Sum256([]byte(get(t, dir+"/up"))))

		f, err = c.Open(at + "/up")
		require.NoError(t, err)
		var down bytes.Buffer
		_, err = f.WriteTo(&down)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, sha256.Sum256(data), sha256.Sum256(down.Bytes()))
	})
}

func TestNamesAreBytes(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		names := []string{"系统找不到指定的路径", " two  words ", "a\nb", "ä", "\xc4\xe3\xba\xc3", "-n", "~", "'\"$(x)"}
		for _, name := range names {
			f, err := c.Create(at + "/" + name)
			require.NoError(t, err, "%q", name)
			require.NoError(t, f.Close())
			_, err = os.Lstat(filepath.Join(dir, name))
			require.NoError(t, err, "%q", name)
		}
		var seen []string
		list, err := c.ReadDir(at)
		require.NoError(t, err)
		for _, info := range list {
			seen = append(seen, info.Name())
		}
		slices.Sort(names)
		slices.Sort(seen)
		assert.Equal(t, names, seen)
	})
}

func TestALongListingIsWhole(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		for i := range 333 {
			put(t, filepath.Join(dir, strings.Repeat("x", i%7)+string(rune('a'+i%26))+string(rune(0x4e00+i))), "")
		}
		list, err := c.ReadDir(at)
		require.NoError(t, err)
		assert.Len(t, list, 333)
	})
}

func TestWhatIsThereIsNotReplacedByRenameButByPosixRename(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		put(t, dir+"/a", "a")
		put(t, dir+"/b", "b")
		require.NoError(t, os.Mkdir(dir+"/d", 0o755))
		require.Error(t, c.Rename(at+"/a", at+"/b"))
		require.Error(t, c.Rename(at+"/d", at+"/b"))
		require.ErrorIs(t, c.Rename(at+"/nothing", at+"/new"), fs.ErrNotExist)
		require.Equal(t, "b", get(t, dir+"/b"))
		require.NoError(t, c.Rename(at+"/a", at+"/new"))
		require.NoError(t, c.Rename(at+"/d", at+"/e"))
		require.Equal(t, "a", get(t, dir+"/new"))
		require.NoFileExists(t, dir+"/a")
		require.DirExists(t, dir+"/e")
		require.NoError(t, c.PosixRename(at+"/new", at+"/b"))
		require.Equal(t, "a", get(t, dir+"/b"))
	})
}

func TestRemoveTakesFilesAndRmdirFolders(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		put(t, dir+"/file", "")
		require.NoError(t, os.Mkdir(dir+"/folder", 0o755))
		require.NoError(t, os.Symlink("folder", dir+"/link"))
		ask := func(kind byte, path string) error { return raw(t, Options{Root: dir}, kind, text(path)) }
		require.Error(t, ask(typeRemove, "/folder"))
		require.Error(t, ask(typeRmdir, "/file"))
		require.Error(t, ask(typeRmdir, "/link"))
		require.NoError(t, ask(typeRemove, "/link"))
		require.ErrorIs(t, ask(typeRemove, "/link"), fs.ErrNotExist)
		require.NoError(t, c.Remove(at+"/file"))
		require.NoError(t, c.RemoveDirectory(at+"/folder"))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func TestANewFolderHasTheModeThatWasAskedFor(t *testing.T) {
	for _, rooted := range []bool{false, true} {
		dir := t.TempDir()
		opt, at := Options{}, dir
		if rooted {
			opt, at = Options{Root: dir}, ""
		}
		const size, owner, permissions, times = 1, 2, 4, 8
		for name, attributes := range map[string][]byte{
			"0700":  slices.Concat(number(permissions), number(0o40700)),
			"0511":  slices.Concat(number(size|owner|permissions|times), number(0), number(9), number(0), number(0), number(0o511), number(1), number(2)),
			"none":  number(0),
			"1750":  slices.Concat(number(permissions), number(0o41750)),
			"times": slices.Concat(number(times), number(1), number(2)),
		} {
			require.NoError(t, raw(t, opt, typeMkdir, slices.Concat(text(at+"/"+name), attributes)), name)
		}
		for name, want := range map[string]fs.FileMode{"0700": 0o700, "0511": 0o511, "none": 0o755, "1750": 0o750, "times": 0o755} {
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			assert.Equal(t, fs.ModeDir|want&^umask(), info.Mode()&^umask(), name)
		}
		require.Error(t, raw(t, opt, typeMkdir, slices.Concat(text(at+"/none"), number(0))))
	}
}

func TestAttributesAreSet(t *testing.T) {
	both(t, func(t *testing.T, c *sftp.Client, dir, at string) {
		put(t, dir+"/f", "0123456789")
		require.NoError(t, c.Chmod(at+"/f", 0o640))
		require.NoError(t, c.Truncate(at+"/f", 4))
		when := must(os.Stat(dir)).ModTime().Truncate(1e9).Add(-3e11)
		require.NoError(t, c.Chtimes(at+"/f", when, when))
		require.NoError(t, c.Chown(at+"/f", os.Getuid(), os.Getgid()))
		info := must(os.Stat(dir + "/f"))
		assert.Equal(t, fs.FileMode(0o640), info.Mode())
		assert.Equal(t, int64(4), info.Size())
		assert.True(t, info.ModTime().Equal(when))
		require.NoError(t, c.Symlink("f", at+"/link"))
		assert.Equal(t, "f", must(os.Readlink(dir+"/link")))
		assert.Equal(t, "f", must(c.ReadLink(at+"/link")))
		require.NoError(t, c.Link(at+"/f", at+"/hard"))
		assert.True(t, os.SameFile(info, must(os.Stat(dir+"/hard"))))
		assert.Equal(t, fs.ModeSymlink, must(c.Lstat(at+"/link")).Mode()&fs.ModeSymlink)
		assert.Equal(t, int64(4), must(c.Stat(at+"/link")).Size())
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// number and text are fields of a request.
func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func text(s string) []byte { return append(number(uint32(len(s))), s...) }

// raw sends one request as bytes and gives the answer's meaning.
func raw(t *testing.T, opt Options, kind byte, body []byte) error {
	t.Helper()
	const version, id = 3, 7
	hello := slices.Concat(number(5), []byte{1}, number(version))
	request := slices.Concat(number(uint32(5+len(body))), []byte{kind}, number(id), body)
	var out bytes.Buffer
	require.NoError(t, Serve(bytes.NewReader(append(hello, request...)), &out, opt))
	answer := reader{b: out.Bytes()}
	hello = []byte(answer.text())
	require.Equal(t, byte(2), hello[0])
	last := reader{b: []byte(answer.text())}
	require.False(t, answer.short)
	require.Empty(t, answer.b)
	require.Equal(t, typeStatus, last.b[0])
	last.b = last.b[1:]
	require.Equal(t, uint32(id), last.number())
	code, words := last.number(), last.text()
	if code == statusOK {
		return nil
	}
	for _, e := range []error{fs.ErrNotExist, fs.ErrPermission} {
		if e == fs.ErrNotExist && code == statusNoSuchFile || e == fs.ErrPermission && code == statusDenied {
			return e
		}
	}
	return &fs.PathError{Op: "sftp", Path: words, Err: fs.ErrInvalid}
}
