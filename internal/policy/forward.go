package policy

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Destination says what a key may have the daemon connect to. It is compared with the address as it was asked for, before
// any name is looked up:
//
//	db.lab:5432        this name and port
//	*.lab:*            * and ? as in globs, in the name; * alone as the port is any
//	[2001:db8::7]:22   an IPv6 address, in any of its writings
type Destination struct {
	host string
	port string // digits, or *
}

// ParseDestination reads HOST:PORT. The error continues a sentence that has named the text.
func ParseDestination(text string) (Destination, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return Destination{}, errors.New("is not HOST:PORT, such as db.lab:5432, *.lab:* or [::1]:80")
	}
	if port != "*" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return Destination{}, errors.New("has no port of 1 to 65535, nor *, at its end")
		}
	}
	return Destination{hostName(host), port}, nil
}

// Match reports whether host:port is one of these.
func (d Destination) Match(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && (d.port == "*" || d.port == port) && glob(d.host, nil, hostName(host))
}

// hostName is the one writing of a host: an address as Go has it, a name in lower case without the root's dot.
func hostName(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// forward judges KindTCP and KindListen.
func (k Key) forward(req Request) *Refusal {
	switch {
	case k.NoForward:
		return refuse(RuleForward, "key %q may forward nothing", k.ID)
	case k.Forward != nil:
		fits := func(text string) bool {
			d, err := ParseDestination(text)
			return err == nil && d.Match(req.Address)
		}
		if req.Kind != KindTCP || !slices.ContainsFunc(k.Forward, fits) {
			return refuse(RuleForward, "key %q may not forward to %.200q", k.ID, req.Address)
		}
		return nil
	case k.Command != "" || k.Commands != nil:
		return refuse(RuleCommand, "key %q may only run its commands, and forward nothing", k.ID)
	case k.SFTPRoot != "":
		return refuse(RuleCommand, "key %q may only transfer files, and forward nothing", k.ID)
	}
	return nil
}
