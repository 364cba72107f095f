// Package inventory is what this client knows of the machines it reaches:
// hosts, groups, node sets.
//
// It keeps names, addresses, tokens and pins in one folder and answers
// questions about them. Dialling, proving, and when a pin may be learned are
// the client's business.
//
// The folder, of which nothing need exist:
//
//	hosts.toml   [[host]] tables and [groups], for people to edit too; no secret in it
//	keys/NAME    one token, on one line
//	pins.toml    [[pin]] tables, written here only
package inventory

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"rexec/internal/secretfile"
	"rexec/internal/sshconfig"
	"rexec/internal/strictoml"
)

const (
	hostsFile = "hosts.toml"
	pinsFile  = "pins.toml"
	keysDir   = "keys"

	maxFile = 4 << 20 // bytes in hosts.toml and in pins.toml: tens of thousands of hosts
)

// Inventory is the folder as it was when opened, and with the changes made
// through it since. Any number of goroutines may use it; changes are safe
// against other processes.
type Inventory struct {
	dir string

	mu   sync.Mutex // guards what follows; held while files change
	book *book
	ssh  func(name string) (sshconfig.Host, error) // nil: no file is named
	pins map[string][]byte
}

// DefaultDir is the folder of the user whose environment and home folder are
// given: $XDG_CONFIG_HOME/rexec, else .config/rexec at home. A relative
// XDG_CONFIG_HOME is ignored (XDG Base Directory Specification). Without a
// home there is none: "".
func DefaultDir(getenv func(name string) string, home string) string {
	if config := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) {
		return filepath.Join(config, "rexec")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".config", "rexec")
}

// Open reads the folder. What is missing is empty; what is wrong is an error
// with the file, row and column. Tokens are read only when asked for.
func Open(dir string) (*Inventory, error) {
	inv := &Inventory{dir: dir}
	data, err := strictoml.ReadFile(inv.path(hostsFile), maxFile)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	if inv.book, err = parseHosts(inv.path(hostsFile), data); err != nil {
		return nil, err
	}
	if inv.pins, err = loadPins(inv.path(pinsFile)); err != nil {
		return nil, err
	}
	return inv, nil
}

// Hosts returns all entries in the order of the file, those for many hosts as
// they are written.
func (inv *Inventory) Hosts() []Host { return slices.Clone(inv.current().hosts) }

// current is what the file says now.
func (inv *Inventory) current() *book {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.book
}

func (inv *Inventory) path(elements ...string) string {
	return filepath.Join(append([]string{inv.dir}, elements...)...)
}

// locked makes the folder if need be and calls change while no other process
// changes the named file through an inventory.
func (inv *Inventory) locked(file string, change func() error) error {
	if err := secretfile.MkdirPrivate(inv.dir); err != nil {
		return err
	}
	unlock, err := secretfile.Lock(inv.path(file))
	if err != nil {
		return err
	}
	defer unlock()
	return change()
}
