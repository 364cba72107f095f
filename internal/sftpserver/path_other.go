//go:build !windows

package sftpserver

// local is a client's path as this system has it.
func local(path string) string { return path }
