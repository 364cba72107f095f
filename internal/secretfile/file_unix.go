//go:build unix

package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// open opens for reading without following a link in the last place and
// without waiting for the writer of a FIFO (open(2): O_NOFOLLOW, O_NONBLOCK);
// a terminal by that name does not become ours (O_NOCTTY).
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	return f, refuseUnopened(path, err)
}

// refuseUnopened says in words why open failed, where the kernel's error does
// not: ELOOP for a link (EMLINK on FreeBSD, EFTYPE on NetBSD), ENXIO for a
// socket.
func refuseUnopened(path string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, statErr := os.Lstat(path); statErr == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return &Refused{
			Path: path, Reason: "is " + kind(info.Mode()) + ", not a regular file",
			Remedy: "put a regular file there",
		}
	}
	return err
}

func inspect(f *os.File) (facts, error) {
	info, err := f.Stat()
	if err != nil {
		return facts{}, err
	}
	about := facts{mode: info.Mode(), size: info.Size(), owner: -1}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		about.owner = int(stat.Uid)
	}
	return about, nil
}

// createNew makes an empty file; fs.ErrExist if the name is taken.
func createNew(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// createTemp is createNew under a name that nobody has, which begins with
// before and ends with after.
func createTemp(dir, before, after string) (*os.File, error) {
	return os.CreateTemp(dir, before+"*"+after)
}

// close0600 sets the mode: a strange umask must not make a file unreadable to
// us.
func close0600(f *os.File) error { return f.Chmod(0o600) }

func mkdirAll(path string) error { return os.MkdirAll(path, 0o700) }

// access is not known beyond owner and mode.
type access struct{}

func (access) judge(string) error       { return nil }
func (access) judgeFolder(string) error { return nil }

// Unprotected names the file system of a folder that cannot keep others away
// from what is in it; empty: it can, or its modes are refused by Read.
func Unprotected(string) (fileSystem string, err error) { return "", nil }

// plainMarks need no quotes in a shell, but letters and digits.
const plainMarks = "/._-+@:,=~"

func quoted(path string) string { return strconv.Quote(path) }

// replace gives a file another's name.
func replace(file, path string) error { return os.Rename(file, path) }

// syncFolder makes a new or replaced name in the folder survive a power loss.
// Some file systems cannot do that for folders and say EINVAL or ENOTSUP.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// openLock opens, or makes, the file that carries a lock.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	return f, refuseUnopened(path, err)
}

// lockExclusive waits for the lock; closing the file gives it back (flock(2)).
func lockExclusive(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
