package main

import "os"

// ownProgram is the file that this process runs, by a name that stays good when the file is replaced or its folder cannot
// be entered by another user.
func ownProgram() string {
	const exe = "/proc/self/exe"
	if _, err := os.Stat(exe); err == nil {
		return exe
	}
	path, _ := os.Executable()
	return path
}
