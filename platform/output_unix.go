//go:build unix

package platform

import "golang.org/x/sys/unix"

// pending asks the kernel how much a descriptor holds (FIONREAD; on BSD and
// macOS the same number).
func pending(fd uintptr) (int, error) {
	return unix.IoctlGetInt(int(fd), fionread)
}
