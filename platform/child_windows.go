package platform

import (
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// child is the leader by its handle, which keeps the pid from being given
// away and what is known of the process after its end; close gives it back.
type child struct {
	id  int
	h   windows.Handle
	job *job

	user, system time.Duration // noted by reap
	most         uint64        // bytes of memory, noted by reap
}

func (c *child) pid() int { return c.id }

func (c *child) wait() (ending, error) {
	if _, err := windows.WaitForSingleObject(c.h, windows.INFINITE); err != nil {
		return ending{}, os.NewSyscallError("WaitForSingleObject", err)
	}
	var code uint32
	if err := windows.GetExitCodeProcess(c.h, &code); err != nil {
		return ending{}, os.NewSyscallError("GetExitCodeProcess", err)
	}
	return ending{code: int64(code), signal: c.job.diedOf(code)}, nil
}

func (c *child) ended() bool {
	state, err := windows.WaitForSingleObject(c.h, 0)
	return err == nil && state == windows.WAIT_OBJECT_0
}

// reap notes what the handles know while they are there: of the whole tree
// where the job counts, else of the leader. There are no zombies.
func (c *child) reap() error {
	if c.user, c.system = c.job.times(); c.user+c.system == 0 {
		var created, exited, kernel, user windows.Filetime
		if err := windows.GetProcessTimes(c.h, &created, &exited, &kernel, &user); err != nil {
			return os.NewSyscallError("GetProcessTimes", err)
		}
		c.user, c.system = span(user), span(kernel)
	}
	m := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if ok, _, _ := getProcessMemoryInfo.Call(uintptr(c.h), uintptr(unsafe.Pointer(&m)), uintptr(m.size)); ok != 0 {
		c.most = uint64(m.peakWorkingSet)
	}
	return nil
}

// span is a length of time that is no date.
func span(f windows.Filetime) time.Duration {
	return time.Duration(uint64(f.HighDateTime)<<32|uint64(f.LowDateTime)) * 100
}

func (c *child) times() (user, system time.Duration) { return c.user, c.system }

// peak is the leader's peak memory: it does not start with ours here.
func (c *child) peak(*atomic.Uint64) uint64 { return c.most }

func (c *child) close() error { return windows.CloseHandle(c.h) }

// getProcessMemoryInfo is not in x/sys.
var getProcessMemoryInfo = kernel32.NewProc("K32GetProcessMemoryInfo")

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size, pageFaults                                         uint32
	peakWorkingSet, workingSet                               uintptr
	peakPagedPool, pagedPool, peakNonPagedPool, nonPagedPool uintptr
	pagefile, peakPagefile                                   uintptr
}
