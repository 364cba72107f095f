package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// DefaultPort is where daemons listen unless told otherwise.
const DefaultPort = 7522

const maxHostName = 253 // bytes, RFC 1035 2.3.4 without the root's

// ParseAddress splits an address as people write it: NAME, NAME:PORT, an IPv4
// address in place of NAME, an IPv6 address bare, [IPv6] or [IPv6]:PORT. IP
// addresses come back in their canonical form and without brackets. This is
// the one place that judges addresses: what it lets through can be dialled,
// shown, and handed to another program as an argument.
func ParseAddress(s string, defaultPort int) (host string, port int, err error) {
	host, port, err = splitAddress(s, defaultPort)
	if err == nil {
		err = checkPort(port)
	}
	if err != nil {
		return "", 0, fmt.Errorf("address %.100q %w", s, err)
	}
	return host, port, nil
}

// splitAddress does not look at the port's range.
func splitAddress(s string, port int) (string, int, error) {
	host, portText, hasPort := s, "", false
	switch rest, bracketed := strings.CutPrefix(s, "["); {
	case bracketed:
		inside, after, closed := strings.Cut(rest, "]")
		if !closed {
			return "", 0, errors.New("has no ] for its [")
		}
		if portText, hasPort = strings.CutPrefix(after, ":"); after != "" && !hasPort {
			return "", 0, errors.New("has something other than :PORT behind its ]")
		}
		if addr, err := netip.ParseAddr(inside); err != nil || !addr.Is6() {
			return "", 0, errors.New("has no IPv6 address in its [ ]")
		}
		host = inside
	case strings.Count(s, ":") == 1:
		host, portText, hasPort = strings.Cut(s, ":")
	}
	host, err := checkHost(host)
	if err != nil {
		return "", 0, err
	}
	if hasPort {
		if port, err = parsePort(portText); err != nil {
			return "", 0, err
		}
	}
	return host, port, nil
}

func parsePort(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || !allDigits(text) {
		return 0, fmt.Errorf("has %.20q for a port, want a number from 1 to 65535", text)
	}
	return port, nil
}

func checkPort(port int) error {
	if port < 1 || port > 65535 {
		return fmt.Errorf("has the port %d, want 1 to 65535", port)
	}
	return nil
}

// fourNumbers is what no resolver may be asked for: it is an address with a
// number too large, or with leading zeros, which some read as octal.
func fourNumbers(host string) bool {
	numbers := strings.Split(host, ".")
	return len(numbers) == 4 && !slices.ContainsFunc(numbers, func(n string) bool { return !allDigits(n) })
}

// checkHost returns the host in canonical form.
func checkHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if strings.IndexFunc(addr.Zone(), func(r rune) bool { return !nameRune(r) }) >= 0 {
			return "", errors.New("has a zone that is no name of an interface")
		}
		return addr.String(), nil
	}
	switch {
	case host == "":
		return "", errors.New("names no host")
	case len(host) > maxHostName:
		return "", fmt.Errorf("has a host name of %d bytes, want at most %d", len(host), maxHostName)
	case strings.Contains(host, ":"):
		return "", errors.New("has more than one : and is no IPv6 address")
	case fourNumbers(host):
		return "", errors.New("looks like an IPv4 address and is none")
	case host[0] == '-':
		return "", errors.New("begins with - and would be taken for an option")
	}
	for _, r := range host {
		if !nameRune(r) {
			return "", fmt.Errorf("has %q in it, which no host name has", r)
		}
	}
	return host, nil
}

// nameRune is a character of host names: those of DNS, _, and letters of other
// scripts, which a resolver may know.
func nameRune(r rune) bool {
	if r < 0x80 {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
	}
	return r != unicode.ReplacementChar && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r))
}
