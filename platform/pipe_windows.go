package platform

import (
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pipe makes a pipe of which our end is overlapped, so that deadlines and
// Close reach a blocked Read, while the command's end is a plain one that it
// inherits. Only named pipes can be made like that.
func pipe(childReads bool) (their windows.Handle, ours *os.File, err error) {
	access, err := ownersOnly()
	if err != nil {
		return 0, nil, err
	}
	name := `\\.\pipe\rexec-` + rand.Text()
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, nil, err
	}
	// Some C libraries look at their pipe or set its mode, so each end may do a little more than its direction.
	mode, rights := uint32(windows.PIPE_ACCESS_INBOUND), uint32(windows.GENERIC_WRITE|windows.FILE_READ_ATTRIBUTES)
	if childReads {
		mode, rights = windows.PIPE_ACCESS_OUTBOUND, windows.GENERIC_READ|windows.FILE_WRITE_ATTRIBUTES
	}
	our, err := windows.CreateNamedPipe(wide,
		mode|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, 1, fullPipe, fullPipe, 0, access)
	if err != nil {
		return 0, nil, os.NewSyscallError("CreateNamedPipe", err)
	}
	their, err = windows.CreateFile(wide, rights, 0, inheritable(), windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		_ = windows.CloseHandle(our)
		return 0, nil, os.NewSyscallError("CreateFile", err)
	}
	return their, os.NewFile(uintptr(our), name), nil
}

// ownersOnly lets nobody but whom this process runs as open a pipe in the
// moment between its two ends.
var ownersOnly = sync.OnceValues(func() (*windows.SecurityAttributes, error) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, os.NewSyscallError("GetTokenInformation", err)
	}
	sd, err := windows.SecurityDescriptorFromString("D:P(A;;GA;;;" + me.User.Sid.String() + ")")
	if err != nil {
		return nil, err
	}
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}, nil
})

// input gives the system's words for a reader that is gone their usual name.
type input struct{ *os.File }

func (i input) Write(b []byte) (int, error) {
	n, err := i.File.Write(b)
	if errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_PIPE_NOT_CONNECTED) {
		return n, syscall.EPIPE
	}
	return n, err
}

// peekNamedPipe is not in x/sys.
var peekNamedPipe = kernel32.NewProc("PeekNamedPipe")

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
