package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/inventory"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
	"rexec/internal/sshopt"
)

// hostCommand is the client's inventory.
func hostCommand(std stdio) *cobra.Command {
	host := &cobra.Command{
		Use:   "host",
		Short: "the hosts that this user knows",
		Args:  words(0, 0, "rexec host add NAME | ls [SET...] | rm NAME | trust SET"),
		RunE: func(*cobra.Command, []string) error {
			return errors.New("want: rexec host add NAME | ls [SET...] | rm NAME | trust SET")
		},
	}
	open := inventoryFlag(host, std)
	host.AddCommand(
		&cobra.Command{
			Use:   "add NAME [-]",
			Short: "know a host by the token that comes on stdin",
			Args:  addWords,
			RunE: func(_ *cobra.Command, args []string) error {
				inv, err := open()
				if err != nil {
					return err
				}
				return addHost(inv, args[0], len(args) > 1, std)
			},
		},
		hostListCommand(open, std),
		&cobra.Command{
			Use:   "rm NAME",
			Short: "forget a host with its key and pin",
			Args:  words(1, 1, "rexec host rm NAME"),
			RunE: func(_ *cobra.Command, args []string) error {
				inv, err := open()
				if err != nil {
					return err
				}
				return inv.Remove(args[0])
			},
		},
		&cobra.Command{
			Use:   "trust SET",
			Short: "pin the certificate that each host of a set shows now, after it has proved that it holds the key",
			Args:  words(1, 1, "rexec host trust SET"),
			RunE: func(cmd *cobra.Command, args []string) error {
				inv, err := open()
				if err != nil {
					return err
				}
				return trustHosts(cmd.Context(), inv, args[0], std)
			},
		},
	)
	return host
}

// inventoryFlag gives a verb the option --config-dir.
func inventoryFlag(verb *cobra.Command, std stdio) (open func() (*inventory.Inventory, error)) {
	dir := verb.PersistentFlags().String("config-dir", "", "the folder with hosts and keys (default REXEC_CONFIG_DIR, else ~/.config/rexec)")
	return func() (*inventory.Inventory, error) { return openInventory(*dir, std, untold) }
}

// addWords refuses a token among the words, where the list of processes and the shell's history would show it.
func addWords(_ *cobra.Command, args []string) error {
	for _, a := range args {
		if strings.HasPrefix(a, "rxt") {
			return errors.New("a token comes on stdin, never as a word, which others can see: rexec host add NAME < FILE; " +
				"the one given here should be replaced (rexecd key rotate)")
		}
	}
	if len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "-" {
		return errors.New("want: rexec host add NAME < TOKEN-FILE")
	}
	return nil
}

// maxTokenInput is more than any token, so that something else is told by what it is.
const maxTokenInput = 64 << 10

func addHost(inv *inventory.Inventory, name string, piped bool, std stdio) error {
	text, err := readToken(name, piped, std)
	if err != nil {
		return err
	}
	tok, err := hmacauth.ParseToken(text)
	if err != nil {
		return err
	}
	if err := inv.Add(name, tok); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "rexec: host %s is known; try: rexec %s true\n", name, name)
	return nil
}

// readToken takes all of stdin, or the line that is pasted at a prompt.
func readToken(name string, piped bool, std stdio) (string, error) {
	in := io.LimitReader(std.in, maxTokenInput+1)
	if !piped && localterm.Is(std.in) {
		return localterm.ReadSecret(std.in, std.err, fmt.Sprintf("token for %s, one line (not shown): ", invoke.Line(name)))
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return "", fmt.Errorf("read the token from stdin: %w", err)
	}
	return string(data), nil
}

// trustHosts does it one after the other, and goes on where one cannot be reached.
func trustHosts(ctx context.Context, inv *inventory.Inventory, set string, std stdio) error {
	entry, err := inv.Find(set) // a single one also by its address
	if err == nil {
		return trustHost(ctx, inv, entry, std)
	}
	entries, err := inv.Expand(set)
	if err != nil {
		return err
	}
	failed := 0
	for _, entry := range entries {
		if err := trustHost(ctx, inv, entry, std); err != nil {
			invoke.Fail(err, invoke.Options{Host: entry.Name, Stderr: std.err})
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d hosts have the pin that they had: say it again for them", failed, len(entries))
	}
	return nil
}

// trustHost asks the daemon for its proof over whatever certificate it shows and pins that.
func trustHost(ctx context.Context, inv *inventory.Inventory, entry inventory.Host, std stdio) error {
	tok, err := inv.Token(entry)
	if err != nil {
		return err
	}
	t, err := locate(entry, tok, &sshopt.Line{})
	if err != nil {
		return err
	}
	before := inv.Pin(t.name)
	if before == nil {
		before = tok.Pin
	}
	var seen []byte
	t.cfg.Pin, t.cfg.Pinned = nil, func(pin [32]byte) { seen = pin[:] }
	c, err := client.Dial(ctx, t.cfg)
	if err != nil {
		return err
	}
	defer closeSoon(c)
	if err := inv.SetPin(t.name, seen); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: the pin was %s and is %s\n", t.name, shortPin(before), shortPin(seen))
	return nil
}
