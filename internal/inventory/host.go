package inventory

import (
	"net"
	"strconv"

	"rexec/internal/nodeset"
)

// Host is one [[host]] table of hosts.toml, as found. The field's name in the
// file stands behind it.
type Host struct {
	// Name is the entry's (name); of an entry for many hosts, the name that was
	// looked for, with the entry's own in Pattern.
	Name    string
	Pattern string

	Aliases  []string // aliases: other names of the same host
	Address  string   // address: host or host:port; "": the name itself
	Port     int      // port: where address has none; 0: DefaultPort
	Key      string   // key: the file in keys/; "": the name
	ServerID string   // server_id: "": the token's
	User     string   // user: to run as; "": the daemon decides
	Encoding string   // encoding: what its console speaks; "": the daemon says
	OS       string   // os: linux, windows or darwin; "": not said
	Shell    []string // shell: a command line becomes the last word behind these; nil: the daemon's shell runs it
	Tags     []string // tags: groups the host is in
}

// systems are what os may be.
func systems() []string { return []string{"linux", "windows", "darwin"} }

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

// String is the endpoint as people write it, for ls and messages.
func (h Host) String() string {
	host, port, err := h.Endpoint()
	if err != nil {
		return h.Address
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// Number is what %n stands for: the last number in the host's name, without
// leading zeros, where the entry has brackets one of those. "": there is none.
func (h Host) Number() string {
	number, _ := numberAt(h.numbers(), 0, false)
	return number
}

// numbers are what stood in the brackets of the entry, else the digits in the
// name.
func (h Host) numbers() []string {
	if patterns, err := nodeset.ParsePatterns(h.Pattern); err == nil {
		if numbers, ok := patterns.Match(h.Name); ok {
			return numbers
		}
	}
	return digitsIn(h.Name)
}
