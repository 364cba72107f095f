// Package platform is the kernel's side of a remote command: it starts a
// process with pipes or a terminal, signals it, kills it with all it started,
// and knows the machine's users and their shells.
//
// It leaves to others what travels on the network, when something is to be
// signalled or ended, and who is allowed to run what. It imports nothing of
// this module. What differs between systems is in files named after them.
//
// A process lives in three steps:
//
//	Start ---> running ---> ended ---> released
//	                  Wait       Release
//
// An ended process is a zombie until Release: its pid, and with it the
// number of its group and session, belongs to nobody else, so Signal,
// Terminate and Kill reach what it left behind and never a stranger.
package platform
