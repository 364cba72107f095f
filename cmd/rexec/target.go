package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/inventory"
	"rexec/internal/sshopt"
)

// target is a host as it was found: whom to call, as whom, and where its pin is kept.
type target struct {
	name  string   // of the pin
	user  string   // to run as; empty: the daemon decides
	shell []string // the words before a command line; nil: the daemon's shell
	// encoding is what the host speaks; empty: it says so itself.
	encoding string
	cfg      client.Config
}

// configDir is the client's folder: --config-dir, else REXEC_CONFIG_DIR, else the user's.
func configDir(flag string, std stdio) (string, error) {
	dir := flag
	if dir == "" {
		dir = std.getenv("REXEC_CONFIG_DIR")
	}
	if dir == "" {
		dir = inventory.DefaultDir(std.getenv, std.home)
	}
	if dir == "" {
		return "", errors.New("HOME is not set: say where the hosts are kept with --config-dir DIR")
	}
	return dir, nil
}

// openInventory opens the client's folder. trace is told what of
// ~/.ssh/config is passed over, if that is read.
func openInventory(flag string, std stdio, trace func(string, ...any)) (*inventory.Inventory, error) {
	dir, err := configDir(flag, std)
	if err != nil {
		return nil, err
	}
	inv, err := inventory.Open(dir)
	if err == nil && std.home != "" {
		inv.UseSSH(std.home, trace)
	}
	return inv, err
}

// untold is a trace that nobody asked for.
func untold(string, ...any) {}

// target finds the host by the token file of -i, or by the inventory.
func (inv *invocation) target() (target, error) {
	hosts, err := openInventory(inv.opt.configDir, inv.std, inv.trace)
	if err != nil {
		return target{}, err
	}
	line := inv.line
	entry, missing := hosts.Find(line.Host)
	tok, from, err := inv.identity(missing == nil)
	if err != nil {
		return target{}, err
	}
	if from == "" {
		if missing != nil {
			return target{}, missing
		}
		if tok, err = hosts.Token(entry); err != nil {
			return target{}, err
		}
		inv.trace("host %s is an entry for %v", entry.Name, entry)
	} else {
		inv.trace("key from %s", from)
		if missing != nil {
			entry = bare(line.Host, tok)
		}
		if line.Host == tok.ServerID && tok.Address != "" {
			entry.Address = tok.Address
		}
	}
	inv.defaults.fill(&entry)
	t, err := locate(entry, tok, line)
	if err != nil {
		return target{}, err
	}
	if missing != nil { // no entry: a pin belongs to the address, as in known_hosts
		t.name = t.cfg.Address
	}
	inv.pin(&t, hosts)
	return t, nil
}

// bare is a host that only a token file knows.
func bare(name string, tok hmacauth.Token) inventory.Host {
	h := inventory.Host{Name: name, Address: name, ServerID: tok.ServerID}
	if h.ServerID == "" {
		h.ServerID = strings.ToLower(name) // a lab's host is known by its name
	}
	return h
}

// identity is the first token among the files of -i; from is its path, empty if there is none. Where the inventory knows
// the host, an OpenSSH key is left alone, and in ssh's shape whatever is no token: its callers name their own keys.
func (inv *invocation) identity(known bool) (tok hmacauth.Token, from string, err error) {
	for _, path := range inv.line.Identity {
		tok, err = inventory.ReadTokenFile(path)
		if err == nil {
			return tok, path, nil
		}
		if !known || !inv.report.SSHShape && !isPEM(path) {
			return tok, "", err
		}
		inv.trace("%v: not used, the host has an entry", err)
	}
	return hmacauth.Token{}, "", nil
}

// isPEM looks at the beginning of a regular file, as OpenSSH's private keys begin.
func isPEM(path string) bool {
	info, err := os.Stat(path) // before opening: a FIFO would wait for its writer
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const begin = "-----BEGIN "
	head := make([]byte, len(begin))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == begin
}

// locate puts together what the entry, its token and the line say.
func locate(entry inventory.Host, tok hmacauth.Token, line *sshopt.Line) (target, error) {
	host, port, err := entry.Endpoint()
	if err != nil {
		return target{}, err
	}
	if line.HostName != "" {
		host = line.HostName
	}
	if line.Port != 0 {
		port = line.Port
	}
	cfg, err := client.FromToken(tok, entry.Server(tok))
	if err != nil {
		return target{}, err
	}
	cfg.Address = net.JoinHostPort(host, strconv.Itoa(port))
	switch line.Family {
	case sshopt.FamilyIPv4:
		cfg.Dial = dialOver("tcp4")
	case sshopt.FamilyIPv6:
		cfg.Dial = dialOver("tcp6")
	}
	t := target{name: entry.Name, user: line.User, shell: entry.Shell, encoding: entry.Encoding, cfg: cfg}
	if t.user == "" {
		t.user = entry.User
	}
	return t, nil
}

func dialOver(network string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address) // keepalive is the protocol's own business
	}
}

// pin sets what the daemon must show, or has the first contact note it.
func (inv *invocation) pin(t *target, hosts *inventory.Inventory) {
	if pin := hosts.Pin(t.name); pin != nil {
		t.cfg.Pin = pin
	}
	if t.cfg.Pin != nil {
		inv.trace("%s must show the certificate %x", t.name, t.cfg.Pin[:8])
		return
	}
	inv.trace("first contact with %s: the certificate it shows is pinned once it has proved that it holds the key", t.name)
	name := t.name
	t.cfg.Pinned = func(pin [32]byte) {
		if err := hosts.AddPin(name, pin[:]); err != nil {
			if !inv.report.Quiet {
				inv.warn("the certificate of %s is not noted: %v", name, err)
			}
			return
		}
		inv.trace("%s is pinned to %x", name, pin[:8])
	}
}
