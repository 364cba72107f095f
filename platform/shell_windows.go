package platform

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// RunLine has a shell run one line. cmd.exe takes what stands between its
// outer quotes as it is, the others take the line as one word. powershell and
// pwsh may be named without a folder.
func (s *Spec) RunLine(shell, line string) {
	s.Path, s.Argv = shell, []string{shell}
	switch shellKind(shell) {
	case "cmd":
		s.CommandLine = `/d /s /c "` + line + `"`
	case "powershell", "pwsh":
		s.CommandLine = "-NoProfile -NonInteractive -Command " + windows.EscapeArg(line)
	default:
		s.CommandLine = "-c " + windows.EscapeArg(line)
	}
}

// RunShell starts a shell that reads commands from its input.
func (s *Spec) RunShell(shell string) {
	s.Path, s.Argv = shell, []string{shell}
	switch kind := shellKind(shell); {
	case kind == "cmd":
	case kind != "powershell" && kind != "pwsh":
		s.CommandLine = "-l"
	case s.Terminal == nil: // it would prompt and echo into the pipe
		s.CommandLine = "-NoLogo -NoProfile -NonInteractive -Command -"
	default:
		s.CommandLine = "-NoLogo"
	}
}

// CheckShell says why a name cannot be a shell's: cmd, powershell and pwsh
// are found in PATH, anything else is named with its folder.
func CheckShell(name string) error {
	switch shellKind(name) {
	case "cmd", "powershell", "pwsh":
		if !strings.ContainsAny(name, `\/:`) {
			return nil
		}
	}
	if !filepath.IsAbs(name) {
		return errors.New("must be a whole path, or one of cmd, powershell, pwsh")
	}
	return nil
}

func shellKind(shell string) string {
	return strings.TrimSuffix(strings.ToLower(filepath.Base(shell)), ".exe")
}
