// Package sshopt reads an ssh command line: option letters before and after the host, -o keywords, the first command
// word ends them.
//
// It leaves to others what the options do: nothing is dialled, opened or looked up here, and neither files nor the
// environment are touched. A [Line] is a value; the caller asks it what was wanted, refuses what [Line.Unbuilt] lists,
// and decides what an inventory, a token file or a terminal has to say about the rest.
//
// The contract is OpenSSH 10's (ssh(1), ssh_config(5)), because other programs write these lines: which value wins when
// it is given twice follows ssh's main() and process_config_line(), letter by letter and keyword by keyword.
package sshopt
