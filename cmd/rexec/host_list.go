package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rexec/hmacauth"
	"rexec/internal/inventory"
	"rexec/internal/invoke"
	"rexec/internal/nodeset"
)

// listing is what host ls is asked to print.
type listing struct{ json, fold, expand, groups bool }

// hostListCommand shows entries and hosts, and does arithmetic with node sets.
func hostListCommand(open func() (*inventory.Inventory, error), std stdio) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "ls [SET...]",
		Short: "list the entries, or the hosts of node sets",
		Long: "Lists the entries of hosts.toml or, where node sets such as 'lab[01-40]!lab07' or @chem are given, their hosts. " +
			"- reads node sets from stdin.",
		RunE: func(_ *cobra.Command, sets []string) error {
			inv, err := open()
			if err != nil {
				return err
			}
			return l.run(inv, sets, std)
		},
	}
	cmd.Flags().BoolVar(&l.json, "json", false, "print one JSON object a line and host")
	cmd.Flags().BoolVarP(&l.fold, "fold", "f", false, "print the set in its short form; its hosts need not be known")
	cmd.Flags().BoolVarP(&l.expand, "expand", "e", false, "print one name a line; they need not be known")
	cmd.Flags().BoolVar(&l.groups, "groups", false, "list the groups and tags with their hosts")
	cmd.MarkFlagsMutuallyExclusive("fold", "expand", "groups")
	cmd.MarkFlagsMutuallyExclusive("fold", "expand", "json")
	return cmd
}

func (l listing) run(inv *inventory.Inventory, sets []string, std stdio) error {
	switch {
	case l.groups && len(sets) > 0:
		return errors.New("--groups lists all of them: leave the node sets out")
	case l.groups:
		return l.listGroups(inv, std)
	case len(sets) == 0 && !l.json && !l.fold && !l.expand:
		return listEntries(inv, std)
	case len(sets) == 0:
		sets = []string{"@all"}
	}
	names, err := resolveAll(inv, sets, std.in)
	if err != nil {
		return err
	}
	switch {
	case l.fold:
		_, err := fmt.Fprintln(std.out, names)
		return err
	case l.expand:
		for _, name := range names.Names() {
			if _, err := fmt.Fprintln(std.out, name); err != nil {
				return err
			}
		}
		return nil
	}
	var hosts []inventory.Host
	if names.Len() > 0 {
		if hosts, err = inv.Expand(names.String()); err != nil {
			return err
		}
	}
	if l.json {
		return printHosts(inv, hosts, std)
	}
	return tabulate(inv, hosts, std)
}

// maxSetInput is more than the names of any set.
const maxSetInput = 16 << 20

// resolveAll is the union of the sets; - stands for those on stdin, with white space between them.
func resolveAll(inv *inventory.Inventory, sets []string, stdin io.Reader) (nodeset.Set, error) {
	var all nodeset.Set
	for _, set := range sets {
		words := []string{set}
		if set == "-" {
			data, err := io.ReadAll(io.LimitReader(stdin, maxSetInput))
			if err != nil {
				return nodeset.Set{}, fmt.Errorf("read node sets from stdin: %w", err)
			}
			words = strings.Fields(string(data))
		}
		// Plain names are many where there are many words, and go together.
		var plain []string
		for _, word := range words {
			if inventory.ValidateName(word) == nil {
				plain = append(plain, word)
				continue
			}
			one, err := inv.Resolve(word)
			if err != nil {
				return nodeset.Set{}, err
			}
			all = all.Union(one)
		}
		some, err := nodeset.Of(plain...)
		if err != nil {
			return nodeset.Set{}, err
		}
		if all = all.Union(some); all.Len() > nodeset.MaxNames {
			return nodeset.Set{}, fmt.Errorf("%d names are more than %d: ask for fewer", all.Len(), nodeset.MaxNames)
		}
	}
	return all, nil
}

func listEntries(inv *inventory.Inventory, std stdio) error {
	entries := inv.Hosts()
	if len(entries) == 0 {
		fmt.Fprintln(std.err, "rexec: no host is known: add one with rexec host add NAME < TOKEN-FILE")
		return nil
	}
	return tabulate(inv, entries, std)
}

// tokens reads each file once; many hosts may share one.
type tokens map[string]tokenRead

type tokenRead struct {
	tok hmacauth.Token
	err error
}

func (t tokens) of(inv *inventory.Inventory, h inventory.Host) (hmacauth.Token, error) {
	key := h.KeyName()
	if _, have := t[key]; !have {
		tok, err := inv.Token(h)
		t[key] = tokenRead{tok, err}
	}
	return t[key].tok, t[key].err
}

// tabulate prints a line for each entry or host.
func tabulate(inv *inventory.Inventory, hosts []inventory.Host, std stdio) error {
	tw := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tADDRESS\tSERVER\tKEY\tUSER\tPIN")
	have := tokens{}
	for _, h := range hosts {
		many := h.Name == ""
		name := h.Name
		if many {
			name = h.Pattern
		}
		name = strings.Join(append([]string{name}, h.Aliases...), ",")
		key, server, pin := "?", h.ServerID, inv.Pin(h.Name)
		tok, err := have.of(inv, h)
		switch {
		case err == nil:
			key, server = tok.KeyID, h.Server(tok)
			if pin == nil {
				pin = tok.Pin
			}
		case many && h.Key == "":
			key = "-" // each host's own
		default:
			fmt.Fprintln(std.err, invoke.Line(fmt.Sprintf("rexec: host %s: %v", name, err)))
		}
		address := h.String()
		if many && h.Address == "" {
			address = "" // each host's own
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", name, dash(address), dash(server), key, dash(h.User), shortPin(pin))
	}
	return tw.Flush()
}

// hostJSON is a host as --json prints it. Names are never given another meaning; what is not known is left out.
type hostJSON struct {
	Name     string   `json:"name"`
	Entry    string   `json:"entry,omitempty"` // where that is for many hosts
	Aliases  []string `json:"aliases,omitempty"`
	Address  string   `json:"address"`
	ServerID string   `json:"server_id,omitempty"`
	Key      string   `json:"key"` // the file in keys/
	KeyID    string   `json:"key_id,omitempty"`
	KeyError string   `json:"key_error,omitempty"`
	User     string   `json:"user,omitempty"`
	Encoding string   `json:"encoding,omitempty"`
	OS       string   `json:"os,omitempty"`
	Shell    []string `json:"shell,omitempty"`
	Groups   []string `json:"groups,omitempty"` // and tags
	Pin      string   `json:"pin,omitempty"`
}

func printHosts(inv *inventory.Inventory, hosts []inventory.Host, std stdio) error {
	groups, err := inv.Groups()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(std.out)
	enc.SetEscapeHTML(false)
	have := tokens{}
	for _, h := range hosts {
		j := hostJSON{
			Name: h.Name, Entry: h.Pattern, Aliases: h.Aliases, Address: h.String(), ServerID: h.ServerID, Key: h.KeyName(),
			User: h.User, Encoding: h.Encoding, OS: h.OS, Shell: h.Shell,
		}
		pin := inv.Pin(h.Name)
		if tok, err := have.of(inv, h); err != nil {
			j.KeyError = err.Error()
		} else {
			j.KeyID, j.ServerID = tok.KeyID, h.Server(tok)
			if pin == nil {
				pin = tok.Pin
			}
		}
		j.Pin = hex.EncodeToString(pin)
		for _, g := range groups {
			if g.Hosts.Has(h.Name) {
				j.Groups = append(j.Groups, g.Name)
			}
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return nil
}

// groupJSON is a group as --groups --json prints it.
type groupJSON struct {
	Group string `json:"group"`
	Kind  string `json:"kind"` // group or tag
	Count int    `json:"count"`
	Hosts string `json:"hosts"` // folded
}

func (l listing) listGroups(inv *inventory.Inventory, std stdio) error {
	groups, err := inv.Groups()
	if err != nil {
		return err
	}
	all, err := inv.Resolve("@all")
	if err != nil {
		return err
	}
	groups = slices.Insert(groups, 0, inventory.Group{Name: "all", Hosts: all})
	enc := json.NewEncoder(std.out)
	tw := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	if !l.json {
		fmt.Fprintln(tw, "GROUP\tKIND\tCOUNT\tHOSTS")
	}
	for _, g := range groups {
		j := groupJSON{g.Name, "group", g.Hosts.Len(), g.Hosts.String()}
		if g.Tag {
			j.Kind = "tag"
		}
		if l.json {
			if err := enc.Encode(j); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(tw, "@%s\t%s\t%d\t%s\n", j.Group, j.Kind, j.Count, dash(j.Hosts))
	}
	return tw.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// shortPin is enough to compare by eye.
func shortPin(pin []byte) string {
	if len(pin) < 8 {
		return "-"
	}
	return hex.EncodeToString(pin[:8])
}
