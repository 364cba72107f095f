package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"rexec/internal/invoke"
)

// verbs are the reserved first words; ssh is taken out before.
func verbs() []string {
	return []string{"host", "lab", "ps", "attach", "logs", "wait", "kill", "cp", "completion", "help", "version"}
}

// runVerb carries out what is not a command on a host.
func runVerb(ctx context.Context, args []string, std stdio) int {
	if err := enoughDescriptors(); err != nil {
		return failVerb(std, err)
	}
	if slices.Contains([]string{"ps", "attach", "logs", "wait", "kill", "cp"}, args[0]) {
		return failVerb(std, fmt.Errorf("%s is not built yet (to reach a host of that name: rexec -- %s)", args[0], args[0]))
	}
	root := &cobra.Command{
		Use:           "rexec",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(hostCommand(std), labCommand(std), versionCommand(std), completionCommand(std))
	root.SetHelpCommand(helpCommand(std))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w; see rexec help %s", err, args[0])
	})
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	if err := root.ExecuteContext(ctx); err != nil {
		return failVerb(std, err)
	}
	return 0
}

// failVerb says what went wrong, unless it is that the reader of the output has seen enough (rexec host ls | head).
func failVerb(std stdio, err error) int {
	messages := io.Writer(std.err)
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Path == std.out.Name() && errors.Is(err, syscall.EPIPE) {
		messages = io.Discard
	}
	return invoke.Fail(err, invoke.Options{Stderr: messages})
}

func versionLine() string { return fmt.Sprintf("rexec %s, protocol 1", version) }

func versionCommand(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which rexec this is",
		Args:  words(0, 0, "rexec version"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(std.out, versionLine())
			return err
		},
	}
}

func helpCommand(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB...]",
		Short: "explain rexec or one of its verbs",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if len(args) == 0 || err != nil || about == cmd.Root() {
				_, err := fmt.Fprint(std.out, helpText)
				return err
			}
			if len(rest) > 0 {
				return errors.New("there is no such verb; see rexec help")
			}
			return about.Help()
		},
	}
}

// words checks how many there are without showing them: one may be a token.
func words(least, most int, usage string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("want: %s", usage)
		}
		return nil
	}
}
