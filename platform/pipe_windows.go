package platform

import (
	"crypto/rand"
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pipe makes a pipe of which our end is overlapped, so that deadlines and
// Close reach a blocked Read, while the command's end is a plain one. Only
// named pipes can be made like that.
func pipe(childReads bool) (theirs, ours *os.File, err error) {
	name := `\\.\pipe\rexec-` + rand.Text()
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, nil, err
	}
	mode, access := uint32(windows.PIPE_ACCESS_INBOUND), uint32(windows.GENERIC_WRITE)
	if childReads {
		mode, access = windows.PIPE_ACCESS_OUTBOUND, windows.GENERIC_READ
	}
	const size = 64 << 10
	our, err := windows.CreateNamedPipe(wide,
		mode|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, 1, size, size, 0, nil)
	if err != nil {
		return nil, nil, os.NewSyscallError("CreateNamedPipe", err)
	}
	their, err := windows.CreateFile(wide, access, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		_ = windows.CloseHandle(our)
		return nil, nil, os.NewSyscallError("CreateFile", err)
	}
	return os.NewFile(uintptr(their), name), os.NewFile(uintptr(our), name), nil
}

// input gives the system's words for a reader that is gone their usual name.
type input struct{ *os.File }

func (i input) Write(b []byte) (int, error) {
	n, err := i.File.Write(b)
	if errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA) {
		return n, syscall.EPIPE
	}
	return n, err
}

// peekNamedPipe is not in x/sys.
var peekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")

// pending is what a pipe holds; one that nobody can fill any more and that is
// empty says broken.
func pending(fd uintptr) (int, error) {
	var n uint32
	ok, _, err := peekNamedPipe.Call(fd, 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0)
	if ok == 0 && !errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		return 0, err
	}
	return int(n), nil
}
