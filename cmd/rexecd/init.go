package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/secretfile"
	"rexec/internal/server"
)

// firstKey is the id of the key that init makes.
const firstKey = "admin"

type initFlags struct{ name, listen, advertise, state, token string }

func initCommand(std stdio) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "set this machine up and print the token for its first client",
		Args:  noWords,
		RunE:  func(*cobra.Command, []string) error { return initialize(f, std) },
	}
	cmd.Flags().StringVar(&f.name, "name", "", "the name clients know this daemon by (default: the host name)")
	cmd.Flags().StringVar(&f.listen, "listen", ":"+strconv.Itoa(defaultPort), "the address to listen on")
	cmd.Flags().StringVar(&f.advertise, "advertise", "", "the address clients dial (default: the listen address)")
	cmd.Flags().StringVar(&f.state, "state", "", "the folder for all files of this daemon")
	cmd.Flags().StringVar(&f.token, "token", "", "take the name and the key from the token in this file (- is stdin) instead of making them")
	return cmd
}

// initialize writes the three files of a new daemon and prints the token, alone, on stdout.
func initialize(f initFlags, std stdio) error {
	p, err := locate(f.state, std.getenv)
	if err != nil {
		return err
	}
	for _, file := range [...]string{p.config, p.ring, p.hostKey} {
		_, err := os.Lstat(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil {
			return fmt.Errorf("%s is there already: this machine is set up; for another token say rexecd key add ID, for another daemon --state DIR", file)
		}
	}
	key := policy.Key{ID: firstKey, Secret: hmacauth.NewSecret()}
	if f.token != "" {
		var meant string
		if key, meant, err = givenKey(f.token, std.in); err != nil {
			return err
		}
		if err := checkMeant(meant, f.name, std); err != nil {
			return err
		}
		f.name = meant
	}
	if f.name == "" {
		h, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("this machine's name is not known (%v): say --name NAME", err)
		}
		f.name = strings.ToLower(h)
	}
	if err := hmacauth.ValidateID("name", f.name); err != nil {
		return fmt.Errorf("%w: say --name NAME", err)
	}
	host, port, err := listenAddress(f.listen)
	if err == nil {
		err = known(host)
	}
	if err != nil {
		return fmt.Errorf("option --listen: %w", err)
	}
	address := f.advertise
	if address == "" {
		address = advertised(host, port, f.name)
	} else if _, _, err := listenAddress(address); err != nil {
		return fmt.Errorf("option --advertise: %w", err)
	}

	hostKey, err := server.NewHostKey(f.name)
	if err != nil {
		return err
	}
	pin, err := server.HostPin(hostKey)
	if err != nil {
		return err
	}
	ring := new(policy.Ring)
	if err := ring.Add(key); err != nil {
		return err
	}
	conf := fmt.Sprintf("names = [%q]\nlisten = [%q]\n", f.name, net.JoinHostPort(host, strconv.Itoa(port)))
	if f.advertise != "" {
		conf += fmt.Sprintf("advertise = %q\n", f.advertise)
	}
	if err := writeState(p, conf, ring.Encode(), hostKey); err != nil {
		return err
	}
	say(std.err, "rexecd: %q is set up in %s; start it with: rexecd serve%s", f.name, filepath.Dir(p.config), stateFlag(f.state))
	if f.token != "" {
		return nil // who made the token has it
	}
	tok := hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: key.ID, Secret: key.Secret, ServerID: f.name, Pin: pin, Address: address}
	say(std.err, "rexecd: whoever has this token may run any command here; give it to: rexec host add %s", f.name)
	return giveToken(std, tok.Encode())
}

// giveToken prints a token, alone, on stdout.
func giveToken(std stdio, token string) error {
	if openToOthers(std.out) {
		say(std.err, "rexecd: others may read the file that the token goes to: close it (chmod 600), or say umask 077 before")
	}
	_, err := fmt.Fprintln(std.out, token)
	return err
}

func stateFlag(state string) string {
	if state == "" {
		return ""
	}
	return " --state " + state
}

// advertised is the address clients dial: the one listened on, a wildcard replaced by the host name.
func advertised(host string, port int, name string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host = name; host != "" {
			if h, err := os.Hostname(); err == nil {
				host = h
			}
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// writeState creates the files, or none of them.
func writeState(p paths, conf string, ring, hostKey []byte) (err error) {
	for _, dir := range [...]string{filepath.Dir(p.config), p.data} {
		if err := secretfile.MkdirPrivate(dir); err != nil {
			return err
		}
	}
	var made []string
	defer func() {
		if err != nil {
			for _, f := range made {
				_ = os.Remove(f)
			}
		}
	}()
	for _, f := range [...]struct {
		path string
		data []byte
	}{{p.hostKey, hostKey}, {p.ring, ring}, {p.config, []byte(conf)}} {
		if err := secretfile.Create(f.path, f.data); err != nil {
			return err
		}
		made = append(made, f.path)
	}
	return nil
}
