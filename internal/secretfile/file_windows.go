package secretfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// On Windows a file's mode is made up from its read-only flag and there is no
// numeric owner: its access list is judged instead, where the file system has
// any, else nothing but its kind and size; Unprotected tells.

// open opens for reading without following a link or junction in the last
// place.
func open(path string) (f *os.File, err error) {
	err = patiently(func() error {
		f, err = openFile("open", path, windows.GENERIC_READ, windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS, nil)
		return err
	}, 100*time.Millisecond)
	return f, err
}

// replace gives a file another's name.
func replace(file, path string) error {
	return patiently(func() error { return os.Rename(file, path) }, 5*time.Second)
}

// patiently tries again while somebody else is at the file: a name cannot be
// taken from an open file, nor a file opened while it is replaced, and virus
// scanners open whatever is new.
func patiently(do func() error, patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := do()
		busy := errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
		if !busy || time.Now().After(end) {
			return err
		}
	}
}

func openFile(what, path string, rights, how, flags uint32, access *windows.SecurityAttributes) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, refused(what, path, err) }
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fail(err)
	}
	h, err := windows.CreateFile(name, rights, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, access, how, flags, 0)
	if err != nil {
		return fail(err)
	}
	return os.NewFile(uintptr(h), path), nil
}

func inspect(f *os.File) (facts, error) {
	info, err := f.Stat()
	if err != nil {
		return facts{}, err
	}
	about := facts{mode: info.Mode(), size: info.Size(), ownerless: true}
	if yes, _, err := hasAccessLists(f); err != nil {
		return facts{}, err
	} else if yes {
		about.access, err = accessOf(f, info.IsDir())
		if err != nil {
			return facts{}, err
		}
	}
	return about, nil
}

// createNew makes an empty file that is closed to others from its first
// moment; fs.ErrExist if the name is taken.
func createNew(path string) (*os.File, error) {
	access, err := privately(path, false)
	if err != nil {
		return nil, err
	}
	return openFile("create", path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, access)
}

// createTemp is createNew under a name that nobody has, which begins with
// before and ends with after.
func createTemp(dir, before, after string) (*os.File, error) {
	return createNew(filepath.Join(dir, before+rand.Text()+after))
}

// close0600 is for modes.
func close0600(*os.File) error { return nil }

// mkdirAll makes a folder, and every missing one above it, closed to others.
func mkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &os.PathError{Op: "mkdir", Path: path, Err: windows.ERROR_DIRECTORY}
		}
		return nil
	}
	if up := filepath.Dir(path); up != path {
		if err := mkdirAll(up); err != nil {
			return err
		}
	}
	access, err := privately(path, true)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	if err := windows.CreateDirectory(name, access); err != nil && !errors.Is(err, fs.ErrExist) {
		return refused("mkdir", path, err)
	}
	return nil
}

// refused is the system's no, with what to do where its words do not tell.
func refused(what, path string, err error) error {
	if errors.Is(err, windows.ERROR_INVALID_OWNER) {
		err = fmt.Errorf("only administrators may make what belongs to the machine: say this in a console that was opened with \"Run as administrator\": %w", err)
	}
	return &os.PathError{Op: what, Path: path, Err: err}
}

// syncFolder does nothing: a folder cannot be flushed there.
func syncFolder(string) error { return nil }

func openLock(path string) (*os.File, error) {
	access, err := privately(path, false)
	if err != nil {
		return nil, err
	}
	return openFile("open", path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_ALWAYS, windows.FILE_FLAG_OPEN_REPARSE_POINT, access)
}

// lockExclusive waits for the lock; closing the file gives it back.
func lockExclusive(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &windows.Overlapped{})
}
