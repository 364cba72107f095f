package sftpserver

import (
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// statVFS is statvfs(3) of an open file. Flags are statvfs's own: 1 read-only, 2 no setuid.
func statVFS(f *os.File) (*sftp.StatVFS, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return nil, &os.PathError{Op: "statvfs", Path: f.Name(), Err: err}
	}
	return &sftp.StatVFS{
		Bsize: uint64(s.Bsize), Frsize: uint64(s.Frsize), Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Favail: s.Ffree, Flag: uint64(s.Flags) & 3, Namemax: uint64(s.Namelen),
	}, nil
}
