package platform

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

type cgroups struct{}

// NewTrees looks once what this machine has to hold a tree.
func NewTrees(TreesOptions) *Trees { return &Trees{} }

// Close gives back what NewTrees holds: nothing here.
func (t *Trees) Close() error { return nil }

// Folder is the cgroup folder of id: none here.
func (t *Trees) Folder(string) string { return "" }

// single is the leader alone: what it starts is neither counted nor killed.
type single struct{ p *Process }

func (s single) containment() string { return "group" }
func (s single) folder() string      { return "" }
func (s single) survivors() int      { return 0 }
func (s single) peak() uint64        { return 0 }
func (s single) release()            {}

// signal knows INT and BREAK, which are CTRL_BREAK to the command's console
// group, and TERM, HUP and KILL, which end the leader.
func (s single) signal(name string) error {
	switch name {
	case "INT", "BREAK":
		return s.interrupt()
	case "TERM", "HUP", "KILL":
		return s.kill()
	}
	return fmt.Errorf("unknown signal %s", shown(name))
}

func (s single) interrupt() error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(s.p.Pid()))
}

// terminate asks; a command without a console does not hear it.
func (s single) terminate() error {
	_ = s.interrupt()
	return nil
}

func (s single) kill() error {
	if err := s.p.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// handleLeader waits on a handle, which keeps the pid from being given away.
type handleLeader struct{ h windows.Handle }

func watch(pid int) (leader, error) {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return nil, os.NewSyscallError("OpenProcess", err)
	}
	return handleLeader{h}, nil
}

func (l handleLeader) wait() (ending, error) {
	if _, err := windows.WaitForSingleObject(l.h, windows.INFINITE); err != nil {
		return ending{}, os.NewSyscallError("WaitForSingleObject", err)
	}
	var code uint32
	if err := windows.GetExitCodeProcess(l.h, &code); err != nil {
		return ending{}, os.NewSyscallError("GetExitCodeProcess", err)
	}
	return ending{code: int64(code)}, nil
}

func (l handleLeader) ended() bool {
	state, err := windows.WaitForSingleObject(l.h, 0)
	return err == nil && state == windows.WAIT_OBJECT_0
}

func (l handleLeader) close() error { return windows.CloseHandle(l.h) }

// peakOf is unknown here.
func peakOf(*os.ProcessState, uint64) uint64 { return 0 }
