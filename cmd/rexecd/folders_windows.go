package main

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// usualFolders are for the system and for administrators %ProgramData%\rexec, which the service uses, for others
// %LocalAppData%\rexecd.
func usualFolders(func(string) string) (etc, data string, err error) {
	known, name := windows.FOLDERID_ProgramData, "rexec"
	if !windows.GetCurrentProcessToken().IsElevated() {
		known, name = windows.FOLDERID_LocalAppData, "rexecd"
	}
	dir, err := windows.KnownFolderPath(known, 0)
	if err != nil {
		return "", "", fmt.Errorf("this system's folders are not known (%w): say where the daemon keeps its files with --state DIR", err)
	}
	dir = filepath.Join(dir, name)
	return dir, dir, nil
}
