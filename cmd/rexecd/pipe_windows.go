package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pipeListener accepts on a named pipe that nobody may open but this process's user, administrators and the system.
type pipeListener struct {
	name    string
	access  *windows.SecurityAttributes
	closing windows.Handle // an event; set once

	mu     sync.Mutex
	next   windows.Handle // the instance that the next client gets; 0: closed
	closed bool
	accept sync.Mutex // one Accept at a time
}

// pipeBuffer is enough for a request and most answers.
const pipeBuffer = 4096

// listenPipe makes the pipe; ERROR_ACCESS_DENIED or ERROR_PIPE_BUSY say that there is one by that name.
func listenPipe(name string) (*pipeListener, error) {
	access, err := ownersOnly()
	if err != nil {
		return nil, err
	}
	closing, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateEvent", err)
	}
	l := &pipeListener{name: name, access: access, closing: closing}
	if l.next, err = l.instance(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		_ = windows.CloseHandle(closing)
		return nil, err
	}
	return l, nil
}

// ownersOnly grants all to whom the process runs as, to the system and to administrators.
func ownersOnly() (*windows.SecurityAttributes, error) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, os.NewSyscallError("GetTokenInformation", err)
	}
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", me.User.Sid))
	if err != nil {
		return nil, err
	}
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}, nil
}

func (l *pipeListener) instance(flags uint32) (windows.Handle, error) {
	wide, err := windows.UTF16PtrFromString(l.name)
	if err != nil {
		return 0, err
	}
	h, err := windows.CreateNamedPipe(wide, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|flags,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, windows.PIPE_UNLIMITED_INSTANCES, pipeBuffer, pipeBuffer, 0, l.access)
	return h, os.NewSyscallError("CreateNamedPipe", err)
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	l.accept.Lock()
	defer l.accept.Unlock()
	for {
		l.mu.Lock()
		h, closed := l.next, l.closed
		l.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		switch err := l.connect(h); {
		case errors.Is(err, windows.ERROR_NO_DATA): // it came and went
			if err := windows.DisconnectNamedPipe(h); err != nil {
				return nil, os.NewSyscallError("DisconnectNamedPipe", err)
			}
			continue
		case err != nil:
			return nil, err
		}
		next, err := l.instance(0) // before the client is served: it may be asked for at once
		if err != nil {
			_ = windows.DisconnectNamedPipe(h)
			return nil, err
		}
		l.mu.Lock()
		l.next = next
		l.mu.Unlock()
		return &pipeConn{File: os.NewFile(uintptr(h), l.name), served: true}, nil
	}
}

// connect waits for a client on h, or for Close.
func (l *pipeListener) connect(h windows.Handle) error {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return os.NewSyscallError("CreateEvent", err)
	}
	defer func() { _ = windows.CloseHandle(event) }()
	o := &windows.Overlapped{HEvent: event}
	switch err := windows.ConnectNamedPipe(h, o); {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return os.NewSyscallError("ConnectNamedPipe", err)
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{event, l.closing}, false, windows.INFINITE)
	if err == nil && which == windows.WAIT_OBJECT_0 {
		var n uint32
		return os.NewSyscallError("ConnectNamedPipe", windows.GetOverlappedResult(h, o, &n, true))
	}
	_ = windows.CancelIoEx(h, o)
	var n uint32
	_ = windows.GetOverlappedResult(h, o, &n, true) // until it is o's no longer
	if err != nil {
		return os.NewSyscallError("WaitForMultipleObjects", err)
	}
	return net.ErrClosed
}

// Close implements net.Listener; an Accept that waits returns net.ErrClosed.
func (l *pipeListener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return net.ErrClosed
	}
	l.closed = true
	l.mu.Unlock()
	err := windows.SetEvent(l.closing)
	l.accept.Lock() // the last Accept is over
	defer l.accept.Unlock()
	return errors.Join(err, windows.CloseHandle(l.next), windows.CloseHandle(l.closing))
}

// Addr implements net.Listener.
func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.name) }

// dialPipe opens the pipe and waits for an instance that is free. The server learns nothing of us that it could act with.
func dialPipe(name string, patience time.Duration) (net.Conn, error) {
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; {
		h, err := windows.CreateFile(wide, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING,
			windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_ANONYMOUS, 0)
		switch {
		case err == nil:
			return &pipeConn{File: os.NewFile(uintptr(h), name)}, nil
		case !errors.Is(err, windows.ERROR_PIPE_BUSY) || time.Now().After(end):
			return nil, os.NewSyscallError("CreateFile", err)
		}
		time.Sleep(busyPause)
	}
}

// busyPause is between looks for a free instance: the daemon makes the next one as soon as it has taken a client.
const busyPause = 10 * time.Millisecond

// pipeConn is one end of a pipe.
type pipeConn struct {
	*os.File
	served bool // the server's end
}

// Close lets the client read what was written before the pipe breaks: the server waits for it to close, until the
// deadline.
func (c *pipeConn) Close() error {
	if c.served {
		_, _ = io.Copy(io.Discard, c.File)
	}
	return c.File.Close()
}

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr(c.Name()) }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr(c.Name()) }

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }
