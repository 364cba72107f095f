// Package secretfile opens, checks and atomically replaces a file that holds a
// secret.
//
// It knows nothing of what the file says: the key ring, a token, the daemon's
// TLS key and the client's pins are all only bytes here. Where such files
// live, and who may edit them, is the caller's business.
//
// The promise of Read is that nobody but this process's user and root could
// have read or written what it returns: it judges the open descriptor, never
// the name, so that nothing can be swapped in between. Only the last element
// of a path is protected against links; a folder on the way may be one.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Refused says why a file or folder is not trusted. Its text is one line meant
// for the user: the path, what is wrong, what to do about it.
type Refused struct {
	Path   string
	Reason string // what is wrong, in words
	Remedy string // what to do about it, usually a command
}

func (r *Refused) Error() string {
	return shown(r.Path) + ": " + r.Reason + ": " + r.Remedy
}

// facts is what the kernel says about an open file, as far as trust depends on
// it.
type facts struct {
	mode  fs.FileMode
	size  int64
	owner int // user id; ignored where ownerless
	// ownerless is set on systems without numeric owners (Windows).
	ownerless bool
}

// judge decides whether a file may be believed by the user euid. limit is in
// bytes.
func (f facts) judge(path string, limit int64, euid int) error {
	refuse := func(remedy, reason string, args ...any) error {
		return &Refused{Path: path, Reason: fmt.Sprintf(reason, args...), Remedy: remedy}
	}
	if !f.mode.IsRegular() {
		return refuse("put a regular file there", "is %s, not a regular file", kind(f.mode))
	}
	if f.ownerless {
		// The mode is made up from the read-only flag there and says nothing.
	} else if f.owner != euid && f.owner != 0 {
		return refuse("chown "+strconv.Itoa(euid)+" "+shown(path),
			"belongs to user id %d, who could change it", f.owner)
	} else if f.mode.Perm()&0o077 != 0 {
		return refuse("chmod 600 "+shown(path), "is open to others (mode %04o)", f.mode.Perm())
	}
	if f.size > limit {
		return refuse("check that it is the right file", "is longer than %d bytes", limit)
	}
	return nil
}

// Read returns the whole file. It refuses, with a *Refused, anything but a
// regular file of at most limit bytes that belongs to this process's effective
// user or to root and is closed to group and others; a link in the last place
// is not followed and a FIFO does not block. A missing file is an error that
// errors.Is fs.ErrNotExist.
func Read(path string, limit int64) ([]byte, error) {
	return readAs(path, limit, os.Geteuid())
}

func readAs(path string, limit int64, euid int) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about, err := inspect(f)
	if err != nil {
		return nil, err
	}
	if err := about.judge(path, limit, euid); err != nil {
		return nil, err
	}
	// The size was true a moment ago; a file that grows meanwhile is over the
	// limit too.
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	about.size = int64(len(data))
	if err := about.judge(path, limit, euid); err != nil {
		return nil, err
	}
	return data, nil
}

// MkdirPrivate makes the folder, and every missing one above it, with mode
// 0700. A folder that is there already is accepted if it belongs to this
// process's user or to root and nobody else can write to it, else refused with
// a *Refused: who may write to a folder may replace what is in it.
func MkdirPrivate(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	about, err := inspect(f)
	if err != nil {
		return err
	}
	return about.judgeFolder(path, os.Geteuid())
}

func (f facts) judgeFolder(path string, euid int) error {
	switch {
	case !f.mode.IsDir():
		return &Refused{Path: path, Reason: "is " + kind(f.mode) + ", not a folder", Remedy: "move it away"}
	case f.ownerless:
		return nil
	case f.owner != euid && f.owner != 0:
		return &Refused{
			Path: path, Reason: fmt.Sprintf("belongs to user id %d, who could replace what is in it", f.owner),
			Remedy: "chown " + strconv.Itoa(euid) + " " + shown(path),
		}
	case f.mode.Perm()&0o022 != 0:
		return &Refused{
			Path: path, Reason: fmt.Sprintf("others can replace what is in it (mode %04o)", f.mode.Perm()),
			Remedy: "chmod 700 " + shown(path),
		}
	}
	return nil
}

// kind names what a file is when it is not what it should be.
func kind(m fs.FileMode) string {
	switch m.Type() {
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	case 0:
		return "a regular file"
	}
	return "a device"
}

// shown is a path as it may be printed, and pasted into a shell behind chmod:
// quoted as soon as it holds anything but plain characters.
func shown(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("/._-+@:,=~", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return strconv.Quote(path)
}

// Write replaces the file's contents, or makes the file, so that a reader, or
// a machine that loses power, sees the old bytes or the new ones and never a
// mixture. The new file has mode 0600. What stood under the name is replaced
// even when it was a link, which is not followed.
func Write(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// Create makes the file with mode 0600, whole or not at all, and refuses with
// an error that errors.Is fs.ErrExist when anything has that name.
func Create(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	// A hard link is the one step that both makes the name appear with all of
	// its bytes and fails when it is taken. Not every file system has them.
	err = os.Link(temp, path)
	removed := os.Remove(temp)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = createHere(path, data)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	}
	return removed
}

// createHere is Create without hard links: the name appears before its bytes.
func createHere(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeTemp puts data, on disk and closed, into a new file beside path.
func writeTemp(path string, data []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new")
	if err != nil {
		return "", err
	}
	if err := fill(f, data); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// fill writes data to an empty file, waits until it is on disk, and closes it.
func fill(f *os.File, data []byte) error {
	err := f.Chmod(0o600) // a strange umask must not make it unreadable to us
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
