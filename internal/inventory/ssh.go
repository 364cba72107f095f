package inventory

import (
	"fmt"
	"path/filepath"
	"sync"

	"rexec/internal/sshconfig"
)

// UseSSH says where the home folder is whose .ssh/config hosts.toml means with
// import = "ssh". The file is read when a host is first looked up, and not at
// all without that line. trace is told what in it is passed over.
func (inv *Inventory) UseSSH(home string, trace func(format string, args ...any)) {
	read := sync.OnceValues(func() (*sshconfig.File, error) {
		return sshconfig.Read(filepath.Join(home, ".ssh", "config"), home, trace)
	})
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.ssh = func(name string) (sshconfig.Host, error) {
		file, err := read()
		if err != nil {
			return sshconfig.Host{}, fmt.Errorf("hosts.toml has import = \"ssh\": %w", err)
		}
		return file.Host(name), nil
	}
	inv.adopt(inv.book)
}

// adopt makes a file's words the inventory's; inv.mu is held.
func (inv *Inventory) adopt(b *book) {
	if b.importSSH {
		b.ssh = inv.ssh
	}
	inv.book = b
}

// complete takes what the entry leaves open from ~/.ssh/config: the address,
// with its port, where the entry has no address, and the user. A token's
// address is one that host add has put into the entry.
func (b *book) complete(h Host) (Host, error) {
	if b.ssh == nil {
		return h, nil
	}
	known, err := b.ssh(h.Name)
	if err != nil {
		return Host{}, err
	}
	if h.Address == "" {
		h.Address = known.HostName
		if h.Port == 0 {
			h.Port = known.Port
		}
	}
	if h.User == "" {
		h.User = known.User
	}
	return h, nil
}
