package inventory

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"rexec/internal/nodeset"
)

// UnknownHost says that no entry, or more than one, answers to a name.
type UnknownHost struct {
	Name string
	Same []string // the entries that share the address Name; else nil
}

func (u *UnknownHost) Error() string {
	switch {
	case len(u.Same) > 0:
		return fmt.Sprintf("%.64q is the address of more than one host: name one of %s", u.Name, strings.Join(u.Same, " "))
	case isGlob(u.Name) && checkPattern(u.Name) == nil:
		return fmt.Sprintf("host %.64q is not known: for all hosts of such names write '@all&%s'", u.Name, u.Name)
	case ValidateName(u.Name) != nil:
		return fmt.Sprintf("host %.64q is not known: add it with rexec host add NAME", u.Name)
	}
	return fmt.Sprintf("host %q is not known: add it with rexec host add %s", u.Name, u.Name)
}

// Find looks a name up: by entry, then alias, then by entries for many hosts,
// the first in the file winning, then by address, with or without a port, if
// exactly one host has it. Otherwise the error is an *UnknownHost.
func (inv *Inventory) Find(name string) (Host, error) {
	return inv.current().find(name)
}

func (b *book) find(name string) (Host, error) {
	h, known, err := b.named(name)
	if known || err != nil {
		return h, err
	}
	return b.findAddress(name)
}

// named finds a host by what it is called.
func (b *book) named(name string) (h Host, known bool, err error) {
	i, ok := b.byName[name]
	if !ok {
		i, ok = b.byAlias[name]
	}
	if ok {
		h, err = b.complete(b.hosts[i])
		return h, true, err
	}
	if ValidateName(name) != nil {
		return Host{}, false, nil
	}
	for _, m := range b.many {
		if numbers, fits := m.match(name); fits {
			h, err = b.hosts[m.entry].filled(name, numbers)
			if err == nil {
				h, err = b.complete(h)
			}
			return h, true, err
		}
	}
	return Host{}, false, nil
}

// many is what the name of an entry for many hosts stands for.
type many struct {
	entry    int
	glob     string
	patterns nodeset.Patterns // where it is no glob
}

// match reports whether a name is one of them, and what its numbers are.
func (m many) match(name string) (numbers []string, fits bool) {
	if m.patterns != nil {
		return m.patterns.Match(name)
	}
	if fits, err := path.Match(m.glob, name); err != nil || !fits {
		return nil, false
	}
	return digitsIn(name), true
}

// filled is what an entry for many hosts says about one of them. The daemon's
// id is then the host's name, which rexecd init makes lower case.
func (h Host) filled(name string, numbers []string) (Host, error) {
	h.Name = name
	for _, text := range []*string{&h.Address, &h.ServerID} {
		var err error
		if *text, err = substitute(*text, name, numbers); err != nil {
			return Host{}, fmt.Errorf("host %q by the entry %q: its text %q %w", name, h.Pattern, *text, err)
		}
	}
	if h.ServerID == "" && h.Key != "" {
		h.ServerID = strings.ToLower(name)
	}
	return h, nil
}

// place is where a host listens.
type place struct {
	name string
	port int
}

// findPlaces collects the places of all hosts that have names, by address. It
// takes a moment where an entry is for thousands.
func (b *book) findPlaces() map[string][]place {
	found := map[string][]place{}
	seen := map[string]bool{}
	note := func(name string) {
		h, known, err := b.named(name)
		if err != nil || !known || seen[h.Name] {
			return
		}
		seen[h.Name] = true
		if host, port, err := h.Endpoint(); err == nil {
			host = addressKey(host)
			found[host] = append(found[host], place{h.Name, port})
		}
	}
	for _, h := range b.hosts {
		if h.Pattern == "" {
			note(h.Name)
		}
	}
	for _, m := range b.many {
		if b.hosts[m.entry].Address != "" {
			for _, name := range m.patterns.Set().Names() {
				note(name)
			}
		}
	}
	return found
}

func (b *book) findAddress(address string) (Host, error) {
	const none = -1 // which no address can say
	unknown := &UnknownHost{Name: address}
	host, asked, err := splitAddress(address, none)
	if err != nil {
		return Host{}, unknown
	}
	for _, p := range b.places()[addressKey(host)] {
		if asked == none || asked == p.port {
			unknown.Same = append(unknown.Same, p.name)
		}
	}
	if len(unknown.Same) == 1 {
		h, _, err := b.named(unknown.Same[0])
		return h, err
	}
	return Host{}, unknown
}

// addressKey is the same for addresses that mean the same.
func addressKey(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(host)
}
