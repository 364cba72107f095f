package main

import (
	"github.com/spf13/cobra"

	"rexec/internal/sftpserver"
)

// sftpCommand is what the daemon starts for the subsystem sftp, as the session's user and within its limits like any
// command. People have no use for it.
func sftpCommand(std stdio) *cobra.Command {
	var opt sftpserver.Options
	cmd := &cobra.Command{
		Use:    "sftp-server",
		Short:  "serve files on stdin and stdout",
		Args:   noWords,
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return sftpserver.Serve(std.in, std.out, opt) },
	}
	cmd.Flags().StringVar(&opt.Root, "root", "", "the folder to show as / and not to lead out of")
	return cmd
}
