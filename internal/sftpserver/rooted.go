package sftpserver

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"
)

// rooted serves what is in a folder; os.Root sees to it that no path and no link leads out.
type rooted struct{ root *os.Root }

// inside is a client's path below the folder.
func inside(p string) string {
	if p = path.Clean("/" + p)[1:]; p != "" {
		return p
	}
	return "."
}

func (r rooted) mkdir(p string, mode fs.FileMode) error { return r.root.Mkdir(inside(p), mode) }

func (r rooted) lstat(p string) (fs.FileInfo, error) { return r.root.Lstat(inside(p)) }

func (r rooted) remove(p string) error { return r.root.Remove(inside(p)) }

func (r rooted) link(old, new string) error { return r.root.Link(inside(old), inside(new)) }

func (r rooted) rename(old, new string) error { return r.root.Rename(inside(old), inside(new)) }

// Fileread opens for reading.
func (r rooted) Fileread(q *sftp.Request) (io.ReaderAt, error) {
	return r.root.Open(inside(q.Filepath))
}

// Filewrite opens for writing.
func (r rooted) Filewrite(q *sftp.Request) (io.WriterAt, error) { return r.open(q, os.O_WRONLY) }

// OpenFile opens for both.
func (r rooted) OpenFile(q *sftp.Request) (sftp.WriterAtReaderAt, error) {
	return r.open(q, os.O_RDWR)
}

// open does not append: the client gives the place of every byte.
func (r rooted) open(q *sftp.Request, flag int) (*os.File, error) {
	p := q.Pflags()
	for f, wanted := range map[int]bool{os.O_CREATE: p.Creat, os.O_TRUNC: p.Trunc, os.O_EXCL: p.Excl} {
		if wanted {
			flag |= f
		}
	}
	mode := fs.FileMode(0o644)
	if len(q.Attrs) == 4 { // the library does not say which attributes came; only permissions have this length
		mode = fs.FileMode(binary.BigEndian.Uint32(q.Attrs)) & fs.ModePerm
	}
	return r.root.OpenFile(inside(q.Filepath), flag, mode)
}

// Filecmd is what changes a file, but for what front answers.
func (r rooted) Filecmd(q *sftp.Request) error {
	switch q.Method {
	case "Setstat":
		return r.setstat(q)
	case "Symlink":
		return r.root.Symlink(q.Filepath, inside(q.Target)) // the target as it was given
	case "Link":
		return r.link(q.Filepath, q.Target)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces what is there.
func (r rooted) PosixRename(q *sftp.Request) error { return r.rename(q.Filepath, q.Target) }

func (r rooted) setstat(q *sftp.Request) error {
	name, is, to := inside(q.Filepath), q.AttrFlags(), q.Attributes()
	if to == nil { // too few bytes
		return errBadMessage
	}
	if is.Size {
		f, err := r.root.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(int64(to.Size)), f.Close()); err != nil {
			return err
		}
	}
	if is.Permissions {
		if err := r.root.Chmod(name, to.FileMode()); err != nil {
			return err
		}
	}
	if is.UidGid {
		if err := r.root.Chown(name, int(to.UID), int(to.GID)); err != nil {
			return err
		}
	}
	if is.Acmodtime {
		return r.root.Chtimes(name, to.AccessTime(), to.ModTime())
	}
	return nil
}

// StatVFS tells how full the disk is (df).
func (r rooted) StatVFS(q *sftp.Request) (*sftp.StatVFS, error) {
	f, err := r.root.Open(inside(q.Filepath))
	if errors.Is(err, fs.ErrPermission) {
		f, err = r.root.Open(".")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return statVFS(f)
}

// Filelist reads a folder, or looks at one file.
func (r rooted) Filelist(q *sftp.Request) (sftp.ListerAt, error) {
	name := inside(q.Filepath)
	if q.Method != "List" {
		return one(r.root.Stat(name))
	}
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all infos
	for _, n := range names {
		info, err := r.root.Lstat(path.Join(name, n))
		if err == nil { // else it went meanwhile
			all = append(all, info)
		}
	}
	return all, nil
}

// Lstat looks at a link itself.
func (r rooted) Lstat(q *sftp.Request) (sftp.ListerAt, error) { return one(r.lstat(q.Filepath)) }

// Readlink gives a link's target.
func (r rooted) Readlink(p string) (string, error) { return r.root.Readlink(inside(p)) }

// infos is a list that the library takes in parts.
type infos []fs.FileInfo

func one(info fs.FileInfo, err error) (sftp.ListerAt, error) {
	if err != nil {
		return nil, err
	}
	return infos{info}, nil
}

// ListAt is sftp.ListerAt's.
func (l infos) ListAt(to []fs.FileInfo, from int64) (int, error) {
	if from >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[from:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}
