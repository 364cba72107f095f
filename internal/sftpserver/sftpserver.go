// Package sftpserver speaks SFTP, version 3, over two pipes, for files that this process may touch.
//
// It leaves to others who may have which files: the daemon starts the process as the right user, and a folder given as
// Options.Root holds the rest. The protocol is github.com/pkg/sftp's; what that library does otherwise than OpenSSH's
// server, in ways that a program could trip over, is answered in front of it (front.go).
package sftpserver

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pkg/sftp"
)

// packetSize is the most that one READ is answered with, as the client asks.
const packetSize = 256 << 10

// Options say what is served.
type Options struct {
	Root string // the folder that is shown as "/" and that nothing leads out of; empty: all files
}

// Serve answers requests from in on out until in ends.
func Serve(in io.Reader, out io.Writer, opt Options) error {
	if opt.Root == "" {
		s, err := sftp.NewServer(newFront(in, out, everything{}), sftp.WithMaxTxPacket(packetSize))
		if err != nil {
			return err
		}
		return ended(s.Serve())
	}
	root, err := os.OpenRoot(opt.Root)
	if err != nil {
		return fmt.Errorf("the folder that holds SFTP: %w", err)
	}
	defer root.Close()
	h := rooted{root}
	s := sftp.NewRequestServer(newFront(in, out, h), sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h},
		sftp.WithRSMaxTxPacket(packetSize))
	return ended(s.Serve())
}

// ended is the server's error without the client's own end: it may go in the middle of a file.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBrokenPipe) {
		return nil
	}
	return err
}
