package audit

import "io/fs"

const openFlags = 0

// gone: an open file cannot be removed there, os.OpenFile does not share that.
func (f diskFile) gone() bool { return false }

// trusted: a mode says nothing there; the folder's access list decides who may write.
func trusted(string, fs.FileInfo) error { return nil }

func explain(_ string, err error) error { return err }
