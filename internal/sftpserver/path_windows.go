package sftpserver

import (
	"path/filepath"
	"strings"
)

// local is a client's path as this system has it: /C:/x is C:\x, as the library reads it too.
func local(path string) string {
	p := filepath.FromSlash(path)
	if drive := strings.TrimLeft(p, `\`); drive != p {
		if filepath.IsAbs(drive) {
			return drive
		}
		if filepath.IsAbs(drive + `\`) {
			return drive + `\`
		}
	}
	return p
}
