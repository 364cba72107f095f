// Command rexecd is the daemon of rexec: it lets those who hold one of its keys run commands on this machine.
//
// What it serves is internal/server's; here are flags and files.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"rexec/internal/invoke"
	"rexec/platform"
)

// version is set at link time by release builds.
var version = "development"

// stdio is what this process was given.
type stdio struct {
	in       *os.File
	out, err *os.File
	getenv   func(string) string

	ready  func()     // the daemon listens; nil: nobody asks
	events *eventSink // takes the log's place on err; nil: none
}

func main() {
	if code, done := platform.AsBreaker(os.Args[1:]); done {
		os.Exit(code)
	}
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(300) // what one command leaves behind is many times what a connection holds
	}
	std := stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	if code, done := asService(os.Args[1:], std); done {
		os.Exit(code)
	}
	os.Exit(run(context.Background(), os.Args[1:], std))
}

// exitCode ends the program with a code of its own and no further words.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// run is the whole program: 0, 1 for bad input or a failure, or the code of the command that try ran.
func run(ctx context.Context, args []string, std stdio) int {
	root := rootCommand(std)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	if next := nextStep(err); next != "" {
		err = fmt.Errorf("%w: %s", err, next)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") { // a file may have several faults
		fmt.Fprintf(std.err, "rexecd: %s\n", invoke.Line(line))
	}
	return 1
}

func rootCommand(std stdio) *cobra.Command {
	serve := serveCommand(std)
	root := &cobra.Command{
		Use:           "rexecd",
		Short:         "let the holders of a key run commands on this machine",
		Args:          noWords,
		RunE:          serve.RunE, // bare rexecd is rexecd serve
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: try %s --help", err, cmd.CommandPath())
	})
	root.Flags().AddFlagSet(serve.Flags())
	root.AddCommand(serviceCommands(std)...)
	root.AddCommand(serve, initCommand(std), tryCommand(std), keyCommand(std), checkCommand(std), reloadCommand(std), statusCommand(std), sftpCommand(std))
	return root
}

// noWords refuses arguments in a line that says what to do.
func noWords(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q: try %s --help", args[0], cmd.CommandPath())
	}
	return nil
}

// paths are where a daemon keeps its files.
type paths struct {
	config  string // rexecd.toml
	ring    string // keyring.toml
	hostKey string // host.key
	data    string // the folder of the rest
}

// locate finds them: all in state if it is named, else where the system has a place for them.
func locate(state string, getenv func(string) string) (paths, error) {
	etc, data := state, state
	if state == "" {
		var err error
		if etc, data, err = usualFolders(getenv); err != nil {
			return paths{}, err
		}
	}
	return paths{
		config:  filepath.Join(etc, "rexecd.toml"),
		ring:    filepath.Join(etc, "keyring.toml"),
		hostKey: filepath.Join(etc, "host.key"),
		data:    data,
	}, nil
}

func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
