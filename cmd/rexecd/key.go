package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/secretfile"
	"rexec/internal/server"
)

func keyCommand(std stdio) *cobra.Command {
	var state string
	key := &cobra.Command{
		Use:   "key",
		Short: "add, list, remove and rotate the keys that this daemon admits",
		Args:  noWords,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	key.PersistentFlags().StringVar(&state, "state", "", "the folder for all files of this daemon")
	key.AddCommand(keyAdd(&state, std), keyList(&state, std), keyRemove(&state, std), keyRotate(&state, std))
	return key
}

// oneID takes exactly the id of a key.
func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants the id of one key", cmd.CommandPath())
	}
	return hmacauth.ValidateID("key id", args[0])
}

func keyAdd(state *string, std stdio) *cobra.Command {
	var k policy.Key
	var source []string
	var expires time.Duration
	var token string
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "make a key and print its token",
		Long:  "Makes a key and prints its token, or, with --token and no ID, takes the key of a token that was made elsewhere.",
		Args: func(cmd *cobra.Command, args []string) error {
			if token != "" {
				return noWords(cmd, args)
			}
			return oneID(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			made := hmacauth.Secret{} // to print
			if token != "" {
				given, meant, err := givenKey(token, std.in)
				if err != nil {
					return err
				}
				p, err := locate(*state, std.getenv)
				if err != nil {
					return err
				}
				if err := checkOurs(p, meant); err != nil {
					return err
				}
				k.ID, k.Secret = given.ID, given.Secret
			} else {
				made = hmacauth.NewSecret()
				k.ID, k.Secret = args[0], made
			}
			if cmd.Flags().Changed("expires") {
				if expires <= 0 {
					return fmt.Errorf("option --expires is %v, want more than 0, as 720h", expires)
				}
				k.Expires = time.Now().Add(expires).UTC().Truncate(time.Second)
			}
			for _, s := range source {
				p, err := policy.ParseSource(s)
				if err != nil {
					return fmt.Errorf("option --source: %q, %w", s, err)
				}
				k.Source = append(k.Source, p)
			}
			return changeRing(*state, std, k.ID, func(r *policy.Ring) (hmacauth.Secret, error) {
				if _, ok := r.Key(k.ID); ok {
					return made, fmt.Errorf("key %q is in the ring already: rexecd key rotate %s gives it another secret, rexecd key rm %s makes room", k.ID, k.ID, k.ID)
				}
				return made, r.Add(k)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&token, "token", "", "take id and secret from the token in this file (- is stdin), as rexec lab token makes it")
	f.StringVar(&k.Comment, "comment", "", "words for people")
	f.DurationVar(&expires, "expires", 0, "how long the key is good, such as 720h")
	f.StringSliceVar(&source, "source", nil, "addresses or networks its clients must come from")
	f.StringVar(&k.User, "user", "", "whom its commands run as")
	f.StringSliceVar(&k.Users, "users", nil, "whom its client may name; * is everybody")
	f.StringVar(&k.Shell, "shell", "", "the shell for its command lines, a whole path; on Windows also cmd, powershell or pwsh")
	f.StringArrayVar(&k.Commands, "command-pattern", nil, "a command it may run, such as 'systemctl status *'; repeat for more")
	f.StringVar(&k.Command, "command", "", "the shell line that runs whatever is asked for")
	f.StringVar(&k.SFTPRoot, "sftp-root", "", "the folder that it may transfer files in, and nothing else; not absolute: in the user's home")
	f.StringArrayVar(&k.Forward, "forward", nil, "a HOST:PORT it may connect to, such as 'db.lab:5432' or '*.lab:*'; repeat for more")
	f.BoolVar(&k.NoForward, "no-forward", false, "refuse to forward connections")
	f.StringSliceVar(&k.Env, "env", nil, "names or globs of variables its client may set")
	f.BoolVar(&k.NoTerminal, "no-terminal", false, "refuse terminals")
	f.IntVar(&k.MaxSessions, "max-sessions", 0, "commands at the same time")
	f.DurationVar(&k.MaxDuration, "max-duration", 0, "of one command")
	f.DurationVar(&k.IdleTimeout, "idle-timeout", 0, "of one command, without a byte either way")
	f.StringVar((*string)(&k.OnLost), "on-lost", "", "what becomes of a command whose client is lost: tree, hangup or none")
	f.StringVar((*string)(&k.Survivors), "survivors", "", "what becomes of processes a command left behind: leave or kill")
	return cmd
}

func keyList(state *string, std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the keys and their limits",
		Args:  noWords,
		RunE: func(*cobra.Command, []string) error {
			p, err := locate(*state, std.getenv)
			if err != nil {
				return err
			}
			if err := isSetUp(p.config); err != nil {
				return err
			}
			ring, err := policy.Load(p.ring)
			if err != nil {
				return err
			}
			var table strings.Builder
			w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tEXPIRES\tLIMITS\tCOMMENT")
			for _, k := range ring.Keys() {
				expires := "-"
				if !k.Expires.IsZero() {
					expires = k.Expires.Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, expires, limits(k), k.Comment)
			}
			_ = w.Flush()
			for line := range strings.Lines(table.String()) {
				if _, err := fmt.Fprintln(std.out, strings.TrimRight(line, " \n")); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// limits says in a few words what a key may not.
func limits(k policy.Key) string {
	var s []string
	add := func(is bool, format string, args ...any) {
		if is {
			s = append(s, fmt.Sprintf(format, args...))
		}
	}
	add(!k.NextSecret.IsZero(), "rotating")
	add(k.User != "", "user %s", k.User)
	add(len(k.Users) > 0, "users %s", strings.Join(k.Users, ","))
	add(k.Shell != "", "shell %s", k.Shell)
	add(k.Command != "", "command %q", k.Command)
	add(len(k.Commands) > 0, "%s", count(len(k.Commands), "command pattern"))
	add(k.SFTPRoot != "", "sftp in %s", k.SFTPRoot)
	add(len(k.Forward) > 0, "forward %s", strings.Join(k.Forward, ","))
	add(k.NoForward, "no forwarding")
	add(len(k.Source) > 0, "source %s", joinSources(k.Source))
	add(k.NoTerminal, "no terminal")
	add(k.MaxSessions > 0, "%s", count(k.MaxSessions, "session"))
	add(len(k.Env) > 0, "env %s", strings.Join(k.Env, ","))
	add(k.MaxDuration > 0, "%v each", k.MaxDuration)
	add(k.IdleTimeout > 0, "%v idle", k.IdleTimeout)
	add(k.OnLost != policy.OnLostDefault, "on_lost %s", k.OnLost)
	add(k.Survivors == policy.SurvivorsKill, "survivors killed")
	add(!k.NotBefore.IsZero() && k.NotBefore.After(time.Now()), "not before %s", k.NotBefore.Format(time.RFC3339))
	if len(s) == 0 {
		return "-"
	}
	return strings.Join(s, "; ")
}

// count is a number of things.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func joinSources(list []netip.Prefix) string {
	s := make([]string, len(list))
	for i, p := range list {
		s[i] = p.String()
	}
	return strings.Join(s, ",")
}

func keyRemove(state *string, std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "rm ID",
		Short: "remove a key; what runs with it ends",
		Args:  oneID,
		RunE: func(_ *cobra.Command, args []string) error {
			return changeRing(*state, std, args[0], func(r *policy.Ring) (hmacauth.Secret, error) {
				return hmacauth.Secret{}, r.Remove(args[0])
			})
		},
	}
}

func keyRotate(state *string, std stdio) *cobra.Command {
	var finish, cancel bool
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "give a key a second secret and print its token; both are good until --finish",
		Args:  oneID,
		RunE: func(_ *cobra.Command, args []string) error {
			if finish && cancel {
				return errors.New("--finish and --cancel exclude each other")
			}
			return changeRing(*state, std, args[0], func(r *policy.Ring) (hmacauth.Secret, error) {
				switch {
				case finish:
					return hmacauth.Secret{}, r.FinishRotation(args[0])
				case cancel:
					return hmacauth.Secret{}, r.CancelRotation(args[0])
				}
				return r.Rotate(args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&finish, "finish", false, "drop the old secret")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "drop the new secret")
	return cmd
}

// changeRing changes the ring's file as one step, tells the running daemon, and prints the token of a secret that was
// made.
func changeRing(state string, std stdio, id string, change func(*policy.Ring) (hmacauth.Secret, error)) error {
	p, err := locate(state, std.getenv)
	if err != nil {
		return err
	}
	if err := isSetUp(p.config); err != nil {
		return err
	}
	unlock, err := secretfile.Lock(p.ring)
	if err != nil {
		return err
	}
	defer unlock()
	ring, err := policy.Load(p.ring)
	if errors.Is(err, fs.ErrNotExist) { // lost, or taken away
		ring, err = new(policy.Ring), nil
	}
	if err != nil {
		return err
	}
	secret, err := change(ring)
	if err != nil {
		return err
	}
	token := ""
	if !secret.IsZero() { // before the ring is written: a key whose token nobody has is of no use
		if token, err = tokenFor(p, id, secret); err != nil {
			return err
		}
	}
	if err := secretfile.Write(p.ring, ring.Encode()); err != nil {
		return err
	}
	if token != "" {
		if err := giveToken(std, token); err != nil {
			return err
		}
	}
	switch _, err := ask(p, "reload"); {
	case errors.Is(err, errNoDaemon):
		say(std.err, "rexecd: written; no daemon is running that would have to know")
	case err != nil:
		return fmt.Errorf("written, but the running daemon did not take it: %w", err)
	default:
		say(std.err, "rexecd: written; the running daemon knows")
	}
	return nil
}

// tokenFor makes the token for a key of this daemon.
func tokenFor(p paths, id string, secret hmacauth.Secret) (string, error) {
	conf, err := readConfig(p.config)
	if err != nil {
		return "", err
	}
	hostKey, err := secretfile.Read(p.hostKey, 1<<16)
	if err != nil {
		return "", err
	}
	pin, err := server.HostPin(hostKey)
	if err != nil {
		return "", err
	}
	address := conf.Advertise
	if address == "" {
		host, port, err := listenAddress(conf.Listen[0])
		if err != nil {
			return "", err
		}
		address = advertised(host, port, conf.Names[0])
	}
	return hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: id, Secret: secret, ServerID: conf.Names[0], Pin: pin, Address: address}.Encode(), nil
}
