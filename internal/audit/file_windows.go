package audit

import (
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"rexec/internal/secretfile"
)

// openAppending opens the log, or makes it, so that it can be renamed or removed while it is open, which rotating it takes.
func openAppending(path string) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, &os.PathError{Op: "open", Path: path, Err: err} }
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fail(err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.FILE_APPEND_DATA|windows.SYNCHRONIZE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_ALWAYS, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return fail(err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// gone reports whether the open file was removed meanwhile: it has no name then, or loses it when it is closed.
func (f diskFile) gone() bool {
	var about struct { // FILE_STANDARD_INFO
		allocated, size int64
		links           uint32
		deletePending   bool
		folder          bool
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	removed := false
	err = raw.Control(func(fd uintptr) {
		err := windows.GetFileInformationByHandleEx(windows.Handle(fd), windows.FileStandardInfo, (*byte)(unsafe.Pointer(&about)), uint32(unsafe.Sizeof(about)))
		removed = err == nil && (about.deletePending || about.links == 0)
	})
	return err == nil && removed
}

// trusted refuses a file that others could change, or could have made for us.
func trusted(f *os.File, _ fs.FileInfo) error { return secretfile.CheckChange(f) }
