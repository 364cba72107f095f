package platform

import (
	"os"

	"golang.org/x/sys/windows"
)

// DefaultPath is PATH where nobody names another: that of Environ.
const DefaultPath = ""

// Environ is what every command's environment begins with: what the system
// gives this process's user at a log-on, as the registry has it now. Programs
// find the system and the user's folders by it. Nothing of this process's own
// environment is in it.
func Environ() ([]string, error) {
	var token windows.Token // a real one: not every call takes the pseudo token of the process
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_QUERY|windows.TOKEN_DUPLICATE, &token); err != nil {
		return nil, os.NewSyscallError("OpenProcessToken", err)
	}
	defer func() { _ = token.Close() }()
	env, err := token.Environ(false)
	return env, os.NewSyscallError("CreateEnvironmentBlock", err)
}
