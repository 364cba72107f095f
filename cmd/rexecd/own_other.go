//go:build !linux

package main

import "os"

// ownProgram is the file that this process runs; empty: not known.
func ownProgram() string {
	path, _ := os.Executable()
	return path
}
