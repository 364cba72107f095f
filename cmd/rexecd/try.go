package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/invoke"
	"rexec/internal/policy"
	"rexec/internal/server"
	"rexec/platform"
)

func tryCommand(std stdio) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "try [COMMAND]...",
		Short: "run a command through the whole stack on this machine, with no set-up",
		Long: `Starts a daemon on loopback with a key that is thrown away afterwards, runs COMMAND on it as rexec would, and ends with
COMMAND's exit code. Without COMMAND it runs: ` + usualLine,
		RunE: func(cmd *cobra.Command, words []string) error { return try(cmd.Context(), words, std) },
	}
	cmd.Flags().SetInterspersed(false) // the first word of the command ends the options
	return cmd
}

func try(ctx context.Context, words []string, std stdio) error {
	line := strings.Join(words, " ")
	if line == "" {
		line = usualLine
	}
	const name = "try"
	hostKey, err := server.NewHostKey(name)
	if err != nil {
		return err
	}
	pin, err := server.HostPin(hostKey)
	if err != nil {
		return err
	}
	key := policy.Key{ID: firstKey, Secret: hmacauth.NewSecret()}
	ring := new(policy.Ring)
	if err := ring.Add(key); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen on loopback: %w", err)
	}
	defer platform.Prepare()()
	s, err := server.New(server.Config{Names: []string{name}, HostKey: hostKey, Ring: ring, Lang: std.getenv("LANG")})
	if err != nil {
		_ = l.Close()
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	c := client.New(client.Config{Address: l.Addr().String(), KeyID: key.ID, ServerID: name, Secret: key.Secret, Pin: pin})
	code, _ := invoke.Run(ctx, func(ctx context.Context) *client.Cmd { return c.Shell(ctx, line) },
		invoke.Options{Host: name, Stdin: std.in, Stdout: std.out, Stderr: std.err, Signals: signals})
	_ = c.Close()
	_ = s.Close()
	<-served
	if code != 0 {
		return exitCode(code)
	}
	return nil
}
