// Command rexec runs commands on machines that run rexecd, and keeps the list of those machines.
//
// Here are flags and files. What a command line in ssh's shape means is internal/sshopt's, how a command becomes an exit
// code internal/invoke's, the connection client's.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"rexec/internal/sshopt"
)

// version is set at link time by release builds.
var version = "development"

// stdio is what this process was given.
type stdio struct {
	name         string // the program's, without folder
	argv         []string
	in, out, err *os.File
	environ      []string
	home         string // the user's home folder; empty: not known
}

func main() {
	// A write to a closed stdout must give EPIPE: the command's own code is still to come.
	signal.Ignore(syscall.SIGPIPE)
	collectLate()
	home, _ := os.UserHomeDir()
	os.Exit(run(context.Background(), os.Args[1:], stdio{
		name: strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"),
		argv: os.Args,
		in:   os.Stdin, out: os.Stdout, err: os.Stderr,
		environ: os.Environ(), home: home,
	}))
}

// collectLate lets the heap grow to nine times what lives in it: this process ends soon, and what it holds is small.
func collectLate() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(800)
	}
}

// run is the whole program. A verb is one only as the very first word.
func run(ctx context.Context, args []string, std stdio) int {
	shape := sshopt.Rexec
	switch {
	case std.name == "rexec-ssh" || std.name == "ssh":
		shape = sshopt.SSH
	case len(args) > 0 && args[0] == "ssh":
		shape, args = sshopt.SSH, args[1:]
	case len(args) > 0 && slices.Contains(verbs(), args[0]):
		return runVerb(ctx, args, std)
	}
	return runCommand(ctx, shape, args, std)
}

// getenv is os.Getenv over what this process was given.
func (s stdio) getenv(name string) string {
	value, _ := s.lookupEnv(name)
	return value
}

func (s stdio) lookupEnv(name string) (string, bool) {
	for _, kv := range s.environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
