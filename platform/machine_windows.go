package platform

import (
	"fmt"
	"os"
	"os/user"
	"strings"

	"golang.org/x/sys/windows"
)

// Prepare lets commands hear ^C in their terminals, also when this process
// was started in a way that makes it, and what it starts, deaf to it.
func Prepare() (stop func()) {
	_, _, _ = setConsoleCtrlHandler.Call(0, 0)
	return func() {}
}

var setConsoleCtrlHandler = kernel32.NewProc("SetConsoleCtrlHandler")

// BootID names this run of the machine; it is unknown here.
func BootID() string { return "" }

// StartTime tells processes of one pid and one boot apart: when it started,
// in 100 ns.
func StartTime(pid int) (uint64, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0, os.NewSyscallError("OpenProcess", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return 0, os.NewSyscallError("GetProcessTimes", err)
	}
	return uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime), nil
}

// Users finds the accounts of this machine. The zero value is ready; its
// methods may be called from any goroutine.
type Users struct{}

// Current is who this process runs as.
func (*Users) Current() (User, error) {
	u, err := user.Current()
	if err != nil {
		return User{}, fmt.Errorf("platform: %w", err)
	}
	return account(u), nil
}

// Lookup finds an account by name. An unknown name is an
// os/user.UnknownUserError.
func (*Users) Lookup(name string) (User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return User{}, user.UnknownUserError(name)
	}
	return account(u), nil
}

// Is reports whether a name that somebody gave, in whatever case, with or
// without the domain, is this account's.
func (u User) Is(name string) bool {
	return strings.EqualFold(u.Name, name) || strings.EqualFold(u.Login(), name)
}

// Login is the name without the domain.
func (u User) Login() string { return u.Name[strings.LastIndexByte(u.Name, '\\')+1:] }

// MayBecomeOthers reports whether a daemon of this user may run commands as
// other users: never here, which would take their passwords.
func (u User) MayBecomeOthers() bool { return false }

// MayLogin says why commands must not run as an account: nothing is known
// against any.
func (*Users) MayLogin(User) error { return nil }

// ShellRefuses reports whether the account's shell is one that runs nothing.
func (u User) ShellRefuses() bool { return false }

func account(u *user.User) User {
	shell, ok := os.LookupEnv("ComSpec")
	if !ok {
		shell = `C:\Windows\System32\cmd.exe`
	}
	return User{Name: u.Username, Home: u.HomeDir, Shell: shell}
}
