package secretfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatWasWrittenIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	require.NoError(t, Write(path, []byte("one")))
	got, err := Read(path, 3)
	require.NoError(t, err)
	assert.Equal(t, "one", string(got))

	require.NoError(t, Write(path, nil), "a replacement may be shorter")
	got, err = Read(path, 3)
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestNothingButTheFileIsLeftInTheFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ring")
	require.NoError(t, Create(path, []byte("one")))
	require.NoError(t, Write(path, []byte("two")))
	require.ErrorIs(t, Create(path, []byte("three")), fs.ErrExist)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.Error(t, Write(filepath.Join(dir, "folder"), []byte("four")))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{"folder", "ring"}, names)
}

func TestCreateNeverTouchesWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.key")
	require.NoError(t, Create(path, []byte("first")))
	err := Create(path, []byte("second"))
	require.ErrorIs(t, err, fs.ErrExist)
	assert.Contains(t, err.Error(), path)
	assert.NotContains(t, err.Error(), ".new", "the name of the temporary file means nothing to a user")

	require.ErrorIs(t, createHere(path, []byte("third")), fs.ErrExist, "nor where there are no hard links")
	got, err := Read(path, 100)
	require.NoError(t, err)
	assert.Equal(t, "first", string(got))
}

func TestCreateWorksWithoutHardLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.key")
	require.NoError(t, createHere(path, []byte("whole")))
	got, err := Read(path, 100)
	require.NoError(t, err)
	assert.Equal(t, "whole", string(got))
}

func TestMissingFileAndMissingFolderSaySo(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(filepath.Join(dir, "none"), 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, Write(filepath.Join(dir, "none", "x"), nil), fs.ErrNotExist)
	require.ErrorIs(t, Create(filepath.Join(dir, "none", "x"), nil), fs.ErrNotExist)
	_, err = Lock(filepath.Join(dir, "none", "x"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFolderIsNotAFile(t *testing.T) {
	_, err := Read(t.TempDir(), 10)
	require.ErrorContains(t, err, "is a folder, not a regular file")
}

func TestLimitIsTheLastByteAllowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	require.NoError(t, Write(path, bytes.Repeat([]byte("x"), 100)))
	got, err := Read(path, 100)
	require.NoError(t, err)
	assert.Len(t, got, 100)
	_, err = Read(path, 99)
	var refused *Refused
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "is longer than 99 bytes", refused.Reason)
}

func TestTrustDependsOnKindOwnerAndMode(t *testing.T) {
	const us = 1000
	for _, c := range []struct {
		name   string
		about  facts
		reason string // empty: trusted
		remedy string
	}{
		{"ours and closed", facts{mode: 0o600, owner: us}, "", ""},
		{"ours and read only", facts{mode: 0o400, owner: us}, "", ""},
		{"root's", facts{mode: 0o600, owner: 0}, "", ""},
		{"group may read", facts{mode: 0o640, owner: us}, "is open to others (mode 0640)", "chmod 600 /k"},
		{"others may read", facts{mode: 0o604, owner: us}, "is open to others (mode 0604)", "chmod 600 /k"},
		{"others may write", facts{mode: 0o602, owner: us}, "is open to others (mode 0602)", "chmod 600 /k"},
		{"group may run", facts{mode: 0o610, owner: us}, "is open to others (mode 0610)", "chmod 600 /k"},
		{"root's but open", facts{mode: 0o644, owner: 0}, "is open to others (mode 0644)", "chmod 600 /k"},
		{"another's", facts{mode: 0o600, owner: 1001}, "belongs to user id 1001, who could change it", "chown 1000 /k"},
		{"nobody known", facts{mode: 0o600, owner: -1}, "belongs to user id -1, who could change it", "chown 1000 /k"},
		{"a link", facts{mode: fs.ModeSymlink | 0o600, owner: us}, "is a symbolic link, not a regular file", "put a regular file there"},
		{"a FIFO", facts{mode: fs.ModeNamedPipe | 0o600, owner: us}, "is a FIFO, not a regular file", "put a regular file there"},
		{"a socket", facts{mode: fs.ModeSocket | 0o600, owner: us}, "is a socket, not a regular file", "put a regular file there"},
		{"a device", facts{mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, owner: us}, "is a device, not a regular file", "put a regular file there"},
		{"too long", facts{mode: 0o600, owner: us, size: 11}, "is longer than 10 bytes", "check that it is the right file"},
		{"no owners there", facts{mode: 0o666, owner: 0, ownerless: true}, "", ""},
		{"no owners there, but a link", facts{mode: fs.ModeSymlink, ownerless: true}, "is a symbolic link, not a regular file", "put a regular file there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.about.judge("/k", 10, us)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "/k: "+c.reason+": "+c.remedy)
		})
	}
}

func TestFolderIsTrustedWhenOthersCannotWriteToIt(t *testing.T) {
	const us = 1000
	require.NoError(t, facts{mode: fs.ModeDir | 0o700, owner: us}.judgeFolder("/d", us))
	require.NoError(t, facts{mode: fs.ModeDir | 0o755, owner: us}.judgeFolder("/d", us), "what is in it is closed by itself")
	require.NoError(t, facts{mode: fs.ModeDir | 0o755, owner: 0}.judgeFolder("/d", us))
	require.NoError(t, facts{mode: fs.ModeDir | 0o777, ownerless: true}.judgeFolder("/d", us))
	require.EqualError(t, facts{mode: fs.ModeDir | 0o770, owner: us}.judgeFolder("/d", us),
		"/d: others can replace what is in it (mode 0770): chmod 700 /d")
	require.EqualError(t, facts{mode: fs.ModeDir | 0o700, owner: 1}.judgeFolder("/d", us),
		"/d: belongs to user id 1, who could replace what is in it: chown 1000 /d")
	require.EqualError(t, facts{mode: 0o700, owner: us}.judgeFolder("/d", us),
		"/d: is a regular file, not a folder: move it away")
}

func TestFoldersAreMadeWithTheirParents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, MkdirPrivate(dir))
	require.NoError(t, MkdirPrivate(dir), "a second time changes nothing")
	require.NoError(t, Write(filepath.Join(dir, "x"), nil))
	require.Error(t, MkdirPrivate(filepath.Join(dir, "x")))
}

func TestSem52_PathInARefusalIsOneEscapedLine(t *testing.T) {
	r := &Refused{Path: "/a b\x1b[31m\n\u202e", Reason: "is odd", Remedy: "go"}
	assert.Equal(t, `"/a b\x1b[31m\n\u202e": is odd: go`, r.Error())
	assert.Equal(t, `""`, shown(""))
	assert.Equal(t, "~/.config/rexec/keys/lab-01", shown("~/.config/rexec/keys/lab-01"))
}

func TestReaderNeverSeesHalfAReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	body := func(i int) []byte { return bytes.Repeat([]byte(strconv.Itoa(i%10)), 5000+i) }
	require.NoError(t, Write(path, body(0)))

	var writer sync.WaitGroup
	done := make(chan struct{}) // closed when the last replacement is there
	writer.Go(func() {
		defer close(done)
		for i := range 50 {
			if err := Write(path, body(i)); !assert.NoError(t, err) {
				return
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, err := Read(path, 1<<20)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(got), 5000)
		require.Equal(t, string(body(len(got)-5000)), string(got))
	}
	writer.Wait()
}

func TestLockKeepsEveryChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	require.NoError(t, Write(path, nil))
	var workers sync.WaitGroup
	add := func() error {
		unlock, err := Lock(path)
		if err != nil {
			return err
		}
		defer unlock()
		data, err := Read(path, 1<<20)
		if err != nil {
			return err
		}
		return Write(path, append(data, 'x'))
	}
	for range 8 {
		workers.Go(func() {
			for range 5 {
				assert.NoError(t, add())
			}
		})
	}
	workers.Wait()
	got, err := Read(path, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("x", 40), string(got))
}

func TestRefusedIsFoundBehindOtherErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	require.NoError(t, Write(path, []byte("xx")))
	_, err := Read(path, 1)
	var refused *Refused
	require.True(t, errors.As(err, &refused))
	assert.Equal(t, path, refused.Path)
}
