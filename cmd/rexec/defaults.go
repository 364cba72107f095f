package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rexec/internal/inventory"
	"rexec/internal/sshopt"
	"rexec/internal/strictoml"
	"rexec/platform/text"
)

// defaults are what the user wants wherever the command line says nothing: config.toml in the client's folder. For each
// there is a variable, REXEC_ and the name in capitals, which wins over the file.
type defaults struct {
	user           string        // user: whom commands run as; empty: the daemon decides
	port           int           // port: where an address has none; 0: inventory.DefaultPort
	connectTimeout time.Duration // connect_timeout; 0: not said
	aliveInterval  time.Duration // server_alive_interval; 0: not said
	aliveCountMax  int           // server_alive_count_max; 0: not said, -1: never give up
	linger         time.Duration // linger, as client.Cmd has it
	sendEnv        []string      // send_env: names and globs
	encoding       string        // encoding: what hosts speak; empty: each says so
	confirmAbove   *int          // confirm_above: hosts; nil: not said
}

// mostDefaults bounds config.toml, in bytes.
const mostDefaults = 1 << 20

// setting is one default: what it is called, and how a text becomes one.
type setting struct {
	name string
	take func(*defaults, string) error
}

// settings are those that are one value; send_env is a list.
func settings() []setting {
	period := func(d *time.Duration) func(string) error {
		return func(text string) (err error) {
			if *d, err = time.ParseDuration(text); err != nil || *d <= 0 {
				return fmt.Errorf("is %.64q, want a length of time above zero, as \"10s\"", text)
			}
			return nil
		}
	}
	whole := func(n *int, least, most int) func(string) error {
		return func(text string) (err error) {
			if *n, err = strconv.Atoi(text); err != nil || *n < least || *n > most {
				return fmt.Errorf("is %.64q, want a number from %d to %d", text, least, most)
			}
			return nil
		}
	}
	return []setting{
		{"user", func(d *defaults, text string) error { d.user = text; return sshopt.CheckUser(text) }},
		{"port", func(d *defaults, text string) error { return whole(&d.port, 1, 65535)(text) }},
		{"connect_timeout", func(d *defaults, text string) error { return period(&d.connectTimeout)(text) }},
		{"server_alive_interval", func(d *defaults, text string) error { return period(&d.aliveInterval)(text) }},
		{"server_alive_count_max", func(d *defaults, text string) error {
			err := whole(&d.aliveCountMax, 0, 1_000_000)(text)
			if d.aliveCountMax == 0 {
				d.aliveCountMax = -1
			}
			return err
		}},
		{"encoding", func(d *defaults, name string) (err error) { d.encoding, err = text.Canonical(name); return err }},
		{"confirm_above", func(d *defaults, text string) error {
			d.confirmAbove = new(int)
			return whole(d.confirmAbove, 0, mostConfirm)(text)
		}},
		{"linger", func(d *defaults, text string) (err error) { d.linger, err = parseLinger(text); return err }},
	}
}

// readDefaults reads config.toml and the variables.
func readDefaults(path string, getenv func(string) string) (d defaults, err error) {
	data, err := strictoml.ReadFile(path, mostDefaults)
	if err != nil {
		return d, err
	}
	doc, err := strictoml.Parse(path, data)
	if err != nil {
		return d, err
	}
	for _, s := range settings() {
		text := ""
		switch {
		case s.name == "port" || s.name == "server_alive_count_max" || s.name == "confirm_above":
			text = strconv.FormatInt(doc.Root.Int(s.name), 10)
		default:
			text = doc.Root.Text(s.name)
		}
		if doc.Root.Has(s.name) {
			if err := s.take(&d, text); err != nil {
				doc.Root.Fail(s.name, err)
			}
		}
	}
	d.sendEnv = doc.Root.Texts("send_env")
	if err := doc.Err(); err != nil {
		return d, err
	}
	for _, s := range settings() {
		name := "REXEC_" + strings.ToUpper(s.name)
		if text := getenv(name); text != "" {
			if err := s.take(&d, text); err != nil {
				return d, fmt.Errorf("%s %w", name, err)
			}
		}
	}
	if names := getenv("REXEC_SEND_ENV"); names != "" {
		d.sendEnv = strings.Fields(names)
	}
	return d, nil
}

// settle fills in what the line leaves open; what a host's own entry may say is left to fill.
func (inv *invocation) settle() error {
	dir, err := configDir(inv.opt.configDir, inv.std)
	if err != nil {
		return nil // the inventory says so, where there is need for one
	}
	d, err := readDefaults(filepath.Join(dir, "config.toml"), inv.std.getenv)
	if err != nil {
		return err
	}
	line := inv.line
	if line.User == "" {
		line.User = inv.std.getenv("REXEC_USER")
	}
	if line.Port == 0 && inv.std.getenv("REXEC_PORT") != "" {
		line.Port = d.port
	}
	if inv.opt.connectTimeout == 0 {
		inv.opt.connectTimeout = d.connectTimeout
	}
	if line.ServerAliveInterval == 0 {
		line.ServerAliveInterval = d.aliveInterval
	}
	if line.ServerAliveCountMax == 0 {
		line.ServerAliveCountMax = d.aliveCountMax
	}
	if inv.opt.encoding == "" && inv.std.getenv("REXEC_ENCODING") != "" {
		inv.opt.encoding = d.encoding
	}
	if inv.opt.linger == 0 {
		inv.opt.linger = d.linger
	}
	line.SendEnv = append(line.SendEnv, d.sendEnv...)
	inv.defaults = d
	return nil
}

// fill gives an entry the user, the port and the encoding that it does not have itself.
func (d defaults) fill(entry *inventory.Host) {
	if entry.User == "" {
		entry.User = d.user
	}
	if entry.Port == 0 {
		entry.Port = d.port
	}
	if entry.Encoding == "" {
		entry.Encoding = d.encoding
	}
}
