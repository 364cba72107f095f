//go:build !linux

package sftpserver

import (
	"os"

	"github.com/pkg/sftp"
)

func statVFS(*os.File) (*sftp.StatVFS, error) { return nil, sftp.ErrSSHFxOpUnsupported }
