//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
)

// usualFolders are for root /etc/rexec and /var/lib/rexec, for others the XDG folders (XDG Base Directory Specification
// 0.8).
func usualFolders(getenv func(string) string) (etc, data string, err error) {
	if os.Getuid() == 0 {
		return "/etc/rexec", "/var/lib/rexec", nil
	}
	home := getenv("HOME")
	if etc = getenv("XDG_CONFIG_HOME"); !filepath.IsAbs(etc) {
		etc = filepath.Join(home, ".config")
	}
	if data = getenv("XDG_STATE_HOME"); !filepath.IsAbs(data) {
		data = filepath.Join(home, ".local", "state")
	}
	if !filepath.IsAbs(etc) || !filepath.IsAbs(data) {
		return "", "", errors.New("HOME is not set: say where the daemon keeps its files with --state DIR")
	}
	return filepath.Join(etc, "rexec"), filepath.Join(data, "rexec"), nil
}
