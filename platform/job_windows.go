package platform

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Trees would know what this machine has to hold a command and all it starts,
// if machines differed. It may be used from any goroutine.
type Trees struct{}

// NewTrees has nothing to look for: every Windows has jobs.
func NewTrees(TreesOptions) *Trees { return &Trees{} }

// Close gives back what NewTrees holds: nothing here.
func (t *Trees) Close() error { return nil }

// Folder is the cgroup folder of id: none here.
func (t *Trees) Folder(string) string { return "" }

// job is a tree held by a job object: nothing that is started in it can leave
// it, and what is in it ends with its last handle, which only this process
// has, so that nothing outlives a daemon that was killed.
type job struct {
	h        windows.Handle
	leader   uint32
	term     *terminal              // nil: pipes
	signaled atomic.Pointer[string] // the last signal that was sent
}

// The exit codes of processes that were ended by a signal.
const (
	codeBreak = uint32(windows.STATUS_CONTROL_C_EXIT) // the system's own, of those that do not handle CTRL_BREAK
	codeKill  = 128 + 9                               // ours
)

func newJob() (*job, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	j := &job{h: h}
	if err := j.endWithHandle(true); err != nil {
		_ = windows.CloseHandle(h)
		return nil, err
	}
	return j, nil
}

// endWithHandle says whether the job's processes end with its last handle.
func (j *job) endWithHandle(yes bool) error {
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	if yes {
		limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	}
	return callJob(setInformationJobObject, j.h, windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&limits), unsafe.Sizeof(limits))
}

// adopt takes a process that does not run yet into the job and has it run; it
// closes the thread's handle, and on failure ends the process.
func (j *job) adopt(created *windows.ProcessInformation) error {
	defer func() { _ = windows.CloseHandle(created.Thread) }()
	j.leader = created.ProcessId
	err := os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(j.h, created.Process))
	if err == nil {
		if _, err = windows.ResumeThread(created.Thread); err == nil {
			return nil
		}
		err = os.NewSyscallError("ResumeThread", err)
	}
	_ = windows.TerminateProcess(created.Process, codeKill)
	return errors.Join(err, windows.CloseHandle(created.Process))
}

func (j *job) containment() string { return "job" }
func (j *job) folder() string      { return "" }

// signal knows what has a counterpart: KILL ends the tree, INT and its like
// are CTRL_BREAK, which most console programs die of, and end the tree where
// nobody can hear that. On a terminal they are what a user would do: type ^C,
// or close the window.
func (j *job) signal(name string) error {
	switch name {
	case "INT", "BREAK", "QUIT", "TERM", "HUP", "KILL":
		j.signaled.Store(&name)
	}
	switch {
	case name == "KILL":
		return j.kill()
	case name == "TERM" || name == "HUP":
		return j.terminate()
	case name != "INT" && name != "BREAK" && name != "QUIT":
		return fmt.Errorf("no such signal on Windows: %s", shown(name))
	case j.term != nil:
		_, err := j.term.input.Write([]byte{0x03})
		return err
	}
	return j.terminate()
}

// diedOf is the signal that a leader with this exit code ended by; empty: by
// itself. The code tells, but only of those that were signalled: a program
// may end with any code.
func (j *job) diedOf(code uint32) string {
	name := j.signaled.Load()
	if name == nil || code != codeKill && (code != codeBreak || *name == "KILL") {
		return ""
	}
	if *name == "BREAK" {
		return "INT"
	}
	return *name
}

// interrupt sends CTRL_BREAK to the leader's group.
func (j *job) interrupt() error {
	members, err := j.members()
	if err != nil {
		return err
	}
	return sendBreak(j.leader, members)
}

// terminate asks those who have a console; with none of them there is nothing
// to wait for.
func (j *job) terminate() error {
	if j.term != nil {
		j.term.hangUp()
		return nil
	}
	if j.interrupt() != nil {
		return j.kill()
	}
	return nil
}

func (j *job) kill() error {
	return os.NewSyscallError("TerminateJobObject", windows.TerminateJobObject(j.h, codeKill))
}

// survivors are the members but the leader and the consoles' own processes,
// which the system starts and ends.
func (j *job) survivors() int {
	members, err := j.members()
	if err != nil {
		return 0
	}
	n := 0
	for _, pid := range members {
		if pid != j.leader && !isConsoleHost(pid) {
			n++
		}
	}
	return n
}

// members lists the processes alive in the job.
func (j *job) members() ([]uint32, error) {
	for room := 64; ; room *= 4 {
		list := make([]uintptr, 1+room) // JOBOBJECT_BASIC_PROCESS_ID_LIST: two counts, then the ids
		err := callJob(queryInformationJobObject, j.h, windows.JobObjectBasicProcessIdList, unsafe.Pointer(&list[0]), uintptr(len(list))*unsafe.Sizeof(list[0]))
		if errors.Is(err, windows.ERROR_MORE_DATA) && room < mostMembers {
			continue
		}
		if err != nil {
			return nil, err
		}
		counts := (*[2]uint32)(unsafe.Pointer(&list[0]))
		var pids []uint32
		for _, pid := range list[1 : 1+counts[1]] {
			pids = append(pids, uint32(pid))
		}
		return pids, nil
	}
}

// mostMembers bounds the list of a job that starts processes without end.
const mostMembers = 1 << 16

func isConsoleHost(pid uint32) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	name := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(name))
	if windows.QueryFullProcessImageName(h, 0, &name[0], &n) != nil {
		return false
	}
	return strings.EqualFold(windows.UTF16ToString(name[:n]), systemFile("conhost.exe"))
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	user, kernel, periodUser, periodKernel uint64 // in 100 ns
	faults, total, active, terminated      uint32
}

// times are the processor time of all that ran in the job.
func (j *job) times() (user, system time.Duration) {
	var a accounting
	if callJob(queryInformationJobObject, j.h, windows.JobObjectBasicAccountingInformation, unsafe.Pointer(&a), unsafe.Sizeof(a)) != nil {
		return 0, 0
	}
	return time.Duration(a.user) * 100, time.Duration(a.kernel) * 100
}

// peak is the most memory that the job's processes had committed at once.
func (j *job) peak() uint64 {
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	if callJob(queryInformationJobObject, j.h, windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&limits), unsafe.Sizeof(limits)) != nil {
		return 0
	}
	return uint64(limits.PeakJobMemoryUsed)
}

// release lets what was left running live on.
func (j *job) release() {
	if j.term != nil {
		j.term.hangUp()
		_ = j.term.input.Close()
	}
	_ = j.endWithHandle(false)
	_ = windows.CloseHandle(j.h)
}

// x/sys takes these pointers as numbers, which do not follow what they point
// to when a stack moves; Call does.
var (
	setInformationJobObject   = kernel32.NewProc("SetInformationJobObject")
	queryInformationJobObject = kernel32.NewProc("QueryInformationJobObject")
)

func callJob(f *windows.LazyProc, job windows.Handle, class uintptr, about unsafe.Pointer, size uintptr) error {
	if ok, _, err := f.Call(uintptr(job), class, uintptr(about), size, 0); ok == 0 {
		return os.NewSyscallError(f.Name, err)
	}
	return nil
}
