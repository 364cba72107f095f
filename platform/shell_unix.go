//go:build unix

package platform

import (
	"errors"
	"path/filepath"
)

// RunLine has a shell run one line.
func (s *Spec) RunLine(shell, line string) { s.Argv = []string{shell, "-c", line} }

// RunShell starts a login shell, which has a dash in front of its name
// (login(1)).
func (s *Spec) RunShell(shell string) {
	s.Path, s.Argv = shell, []string{"-" + filepath.Base(shell)}
}

// CheckShell says why a name cannot be a shell's.
func CheckShell(name string) error {
	if !filepath.IsAbs(name) {
		return errors.New("must be a whole path")
	}
	return nil
}
