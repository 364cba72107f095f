package sftpserver

import "io/fs"

func umask() fs.FileMode { return fs.ModePerm }
