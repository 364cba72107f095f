package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rexec/internal/inventory"
	"rexec/internal/nodeset"
)

// labCommand makes one key for many hosts, and for each of them the token that its daemon is set up with.
func labCommand(std stdio) *cobra.Command {
	const usage = "rexec lab init NAME | token NAME SET [--out DIR] | ls | rm NAME --yes"
	lab := &cobra.Command{
		Use:   "lab",
		Short: "one key for many hosts",
		Long: "A lab is a master key that stays here. Each host's daemon is set up with a token that is derived from it and opens " +
			"that host alone.",
		Args: words(0, 0, usage),
		RunE: func(*cobra.Command, []string) error { return errors.New("want: " + usage) },
	}
	open := inventoryFlag(lab, std)
	lab.AddCommand(labInitCommand(open, std), labTokenCommand(open, std), labListCommand(open, std), labRemoveCommand(open, std))
	return lab
}

func labInitCommand(open func() (*inventory.Inventory, error), std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "init NAME",
		Short: "make the key of a lab",
		Args:  words(1, 1, "rexec lab init NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			inv, err := open()
			if err != nil {
				return err
			}
			if err := inv.NewLab(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(std.err, "rexec: lab %s has its key, which opens every host of the lab: keep a copy in a safe place, %s\n"+
				"rexec: next: rexec lab token %s 'pc[01-40]' --out DIR\n", args[0], inv.KeyFile(args[0]), args[0])
			return nil
		},
	}
}

func labTokenCommand(open func() (*inventory.Inventory, error), std stdio) *cobra.Command {
	const usage = "rexec lab token NAME SET [--out DIR]"
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "token NAME SET",
		Short: "make the tokens that the daemons of hosts are set up with",
		Long: "Makes a token for each host of the set, for rexecd init --token: with --out one file a host, else the token of a " +
			"single host on stdout. Hosts that are not known yet get an entry in hosts.toml.",
		Args: words(2, 2, usage),
		RunE: func(_ *cobra.Command, args []string) error {
			inv, err := open()
			if err != nil {
				return err
			}
			return f.run(inv, args[0], args[1], std)
		},
	}
	cmd.Flags().StringVar(&f.out, "out", "", "the folder for the files NAME.token, mode 0600")
	cmd.Flags().StringVar(&f.address, "address", "", "where to dial hosts that are not known yet: %h is the name, %n its number, "+
		"as 10.0.0.%n:7522 (default: the name)")
	cmd.Flags().BoolVar(&f.also, "also", false, "for known hosts whatever key they have; hosts.toml stays as it is")
	return cmd
}

// tokenFlags are the options of lab token.
type tokenFlags struct {
	out, address string
	also         bool
}

func (f tokenFlags) run(inv *inventory.Inventory, lab, set string, std stdio) error {
	hosts, err := inv.Resolve(set)
	if err == nil && f.out == "" && hosts.Len() > 1 {
		err = fmt.Errorf("%d tokens do not fit on stdout: say --out DIR", hosts.Len())
	}
	if err != nil {
		return err
	}
	if !f.also || hosts.Len() == 0 {
		var made nodeset.Set
		if hosts, made, err = inv.Join(lab, set, f.address); err != nil {
			return err
		}
		if made.Len() > 0 {
			fmt.Fprintf(std.err, "rexec: hosts.toml has an entry for %s\n", made)
		}
	}
	if f.out == "" {
		tok, err := inv.HostToken(lab, hosts.Names()[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(std.out, tok.Encode())
		return err
	}
	if err := inv.WriteTokens(lab, hosts, f.out); err != nil {
		return err
	}
	first := hosts.Names()[0]
	fmt.Fprintf(std.err, "rexec: %s in %s for %s; on each host: rexecd init --token %s.token, then rexec %s true\n",
		counted(hosts.Len(), "token"), f.out, hosts, first, first)
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// labJSON is a lab as --json prints it.
type labJSON struct {
	Lab    string   `json:"lab"`
	KeyID  string   `json:"key_id"`
	Count  int      `json:"count"`
	Hosts  string   `json:"hosts"`           // folded
	Globs  []string `json:"globs,omitempty"` // of entries that do not say who their hosts are
	Unseen string   `json:"unseen"`          // folded: hosts that have not been reached yet
}

func labListCommand(open func() (*inventory.Inventory, error), std stdio) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "list the labs with their hosts, and those that were never reached",
		Args:  words(0, 0, "rexec lab ls"),
		RunE: func(*cobra.Command, []string) error {
			inv, err := open()
			if err != nil {
				return err
			}
			return listLabs(inv, asJSON, std)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line and lab")
	return cmd
}

func listLabs(inv *inventory.Inventory, asJSON bool, std stdio) error {
	labs, err := inv.Labs()
	if err != nil {
		return err
	}
	if len(labs) == 0 {
		fmt.Fprintln(std.err, "rexec: there is no lab: make one with rexec lab init NAME")
		return nil
	}
	enc := json.NewEncoder(std.out)
	tw := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(tw, "LAB\tKEY\tCOUNT\tHOSTS\tNEVER REACHED")
	}
	for _, l := range labs {
		var unseen []string
		for _, name := range l.Hosts.Names() {
			if inv.Pin(name) == nil {
				unseen = append(unseen, name)
			}
		}
		left, err := nodeset.Of(unseen...)
		if err != nil {
			return err
		}
		if asJSON {
			if err := enc.Encode(labJSON{l.Name, l.KeyID, l.Hosts.Len(), l.Hosts.String(), l.Globs, left.String()}); err != nil {
				return err
			}
			continue
		}
		hosts := append([]string{}, l.Globs...)
		if l.Hosts.Len() > 0 {
			hosts = append([]string{l.Hosts.String()}, hosts...)
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\n", l.Name, l.KeyID, l.Hosts.Len(), dash(strings.Join(hosts, ",")), dash(left.String()))
	}
	return tw.Flush()
}

func labRemoveCommand(open func() (*inventory.Inventory, error), std stdio) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "forget a lab: its key, its entries and their pins",
		Args:  words(1, 1, "rexec lab rm NAME --yes"),
		RunE: func(_ *cobra.Command, args []string) error {
			inv, err := open()
			if err != nil {
				return err
			}
			if !yes {
				return fmt.Errorf("the key of lab %s is lost then, and with it the way to its hosts: say --yes if that is meant", args[0])
			}
			return inv.RemoveLab(args[0])
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}
