package sftpserver

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// tree is the files as the client names them.
type tree interface {
	mkdir(path string, mode fs.FileMode) error
	lstat(path string) (fs.FileInfo, error)
	remove(path string) error // a file or an empty folder
	link(old, new string) error
	rename(old, new string) error // over what is there
}

// removeAs removes a folder as a folder and anything else as a file: os.Remove does not ask.
func removeAs(t tree, path string, folder bool) error {
	info, err := t.lstat(path)
	switch {
	case err != nil:
		return err
	case folder && !info.IsDir():
		return &fs.PathError{Op: "rmdir", Path: path, Err: syscall.ENOTDIR}
	case !folder && info.IsDir():
		return &fs.PathError{Op: "unlink", Path: path, Err: syscall.EISDIR}
	}
	return t.remove(path)
}

// renameToNew replaces nothing, as the protocol has it: a file is linked under its new name first, which cannot overwrite.
func renameToNew(t tree, old, new string) error {
	info, err := t.lstat(old)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		err := t.link(old, new)
		switch {
		case err == nil:
			if err := t.remove(old); err != nil {
				_ = t.remove(new)
				return err
			}
			return nil
		case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
			return err
		} // else this file system, or these permissions, know no links
	}
	if _, err := t.lstat(new); err == nil {
		return &fs.PathError{Op: "rename", Path: new, Err: syscall.EEXIST}
	}
	return t.rename(old, new)
}

// everything is all files, paths as this system has them.
type everything struct{}

func (everything) mkdir(path string, mode fs.FileMode) error { return os.Mkdir(local(path), mode) }

func (everything) lstat(path string) (fs.FileInfo, error) { return os.Lstat(local(path)) }

func (everything) remove(path string) error { return os.Remove(local(path)) }

func (everything) link(old, new string) error { return os.Link(local(old), local(new)) }

func (everything) rename(old, new string) error { return os.Rename(local(old), local(new)) }
