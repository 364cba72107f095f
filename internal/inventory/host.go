package inventory

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Host is one [[host]] table of hosts.toml, as found. The field's name in the
// file stands behind it.
type Host struct {
	// Name is the entry's (name); of an entry that is a pattern, the name that
	// was looked for, with the pattern in Pattern.
	Name    string
	Pattern string

	Aliases  []string // aliases: other names of the same host
	Address  string   // address: host or host:port; "": the name itself
	Port     int      // port: where address has none; 0: DefaultPort
	Key      string   // key: the file in keys/; "": the name
	ServerID string   // server_id: "": the token's
	User     string   // user: to run as; "": the daemon decides
	Encoding string   // encoding: what its console speaks; "": the daemon says
}

// Endpoint is where to dial.
func (h Host) Endpoint() (host string, port int, err error) {
	address, defaultPort := h.Address, h.Port
	if address == "" {
		address = h.Name
	}
	if defaultPort == 0 {
		defaultPort = DefaultPort
	}
	return ParseAddress(address, defaultPort)
}

// UnknownHost says that no entry, or more than one, answers to a name.
type UnknownHost struct {
	Name string
	Same []string // the entries that share the address Name; else nil
}

func (u *UnknownHost) Error() string {
	if len(u.Same) > 0 {
		return fmt.Sprintf("%.64q is the address of more than one host: name one of %s", u.Name, strings.Join(u.Same, " "))
	}
	if ValidateName(u.Name) != nil {
		return fmt.Sprintf("host %.64q is not known: add it with rexec host add NAME", u.Name)
	}
	return fmt.Sprintf("host %q is not known: add it with rexec host add %s", u.Name, u.Name)
}

// Find looks a name up: by entry, then alias, then pattern, the first in the
// file winning, then by address, with or without a port, if exactly one entry
// has it. Otherwise the error is an *UnknownHost.
func (inv *Inventory) Find(name string) (Host, error) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, fits := range []func(Host) bool{
		func(h Host) bool { return h.Pattern == "" && h.Name == name },
		func(h Host) bool { return slices.Contains(h.Aliases, name) },
	} {
		if i := slices.IndexFunc(inv.hosts, fits); i >= 0 {
			return inv.hosts[i], nil
		}
	}
	if ValidateName(name) == nil {
		for _, h := range inv.hosts {
			if ok, err := path.Match(h.Pattern, name); h.Pattern != "" && err == nil && ok {
				return h.named(name), nil
			}
		}
	}
	var same []Host
	for _, h := range inv.hosts {
		if h.Pattern == "" && h.answers(name) {
			same = append(same, h)
		}
	}
	if len(same) == 1 {
		return same[0], nil
	}
	unknown := &UnknownHost{Name: name}
	for _, h := range same {
		unknown.Same = append(unknown.Same, h.Name)
	}
	return Host{}, unknown
}

// named is what a pattern says about one of its hosts. The daemon's id is then
// the host's name, which rexecd init makes lower case.
func (h Host) named(name string) Host {
	h.Name = name
	if h.ServerID == "" {
		h.ServerID = strings.ToLower(name)
	}
	return h
}

// answers reports whether the address, with or without a port, is h's.
func (h Host) answers(address string) bool {
	host, port, err := h.Endpoint()
	if err != nil {
		return false
	}
	asked, askedPort, err := ParseAddress(address, port)
	return err == nil && askedPort == port && sameHost(asked, host)
}

func sameHost(a, b string) bool {
	ipA, errA := netip.ParseAddr(a)
	ipB, errB := netip.ParseAddr(b)
	if errA == nil && errB == nil {
		return ipA.Unmap() == ipB.Unmap()
	}
	return strings.EqualFold(a, b)
}

// String is the endpoint as people write it, for ls and messages.
func (h Host) String() string {
	host, port, err := h.Endpoint()
	if err != nil {
		return h.Address
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
