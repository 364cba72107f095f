//go:build unix

package main

import "syscall"

// mostDescriptors is how many files this process may have open; Go's runtime has raised it as far as it could.
func mostDescriptors() (uint64, bool) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return min(uint64(l.Cur), 1<<31), true
}
