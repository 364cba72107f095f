package sshopt

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Listen is what an -L or -D asks for.
type Listen struct {
	// Bind are the addresses to listen on. The first is a must, the others are tried: without an address that is both
	// loopback addresses.
	Bind []string
	To   string // host:port that connections go to; empty: where each asks to by SOCKS
	From string // the option's name and value, for messages
}

var errSocketPath = errors.New("sockets with a path are not forwarded, only TCP")

// listen reads [bind:]port:host:hostport or, for -D, [bind:]port, as ssh's parse_forward does. gateway is -g: without an
// address of its own, everybody may connect.
func (f Forward) listen(gateway bool) (Listen, error) {
	l := Listen{From: fmt.Sprintf("%s %s", f.from, f.Spec)}
	bad := func(err error) (Listen, error) { return Listen{}, fmt.Errorf("option %s: %w", f.from, err) }
	parts, err := splitForward(f.Spec)
	if err != nil {
		return bad(err)
	}
	want, form := 3, "[bind:]port:host:hostport"
	if f.Kind == ForwardDynamic {
		want, form = 1, "[bind:]port"
	}
	bind, given := "", len(parts) == want+1
	if given {
		bind, parts = parts[0], parts[1:]
	}
	if len(parts) != want {
		return bad(fmt.Errorf("%q is not %s", f.Spec, form))
	}
	port, err := parsePort(parts[0])
	if err != nil {
		return bad(err)
	}
	if f.Kind == ForwardLocal {
		to, err := parsePort(parts[2])
		if err != nil {
			return bad(err)
		}
		if err := checkHost(parts[1], false); err != nil {
			return bad(err)
		}
		l.To = net.JoinHostPort(parts[1], strconv.Itoa(to))
	}
	hosts := []string{bind}
	switch {
	case given && (bind == "" || bind == "*") || !given && gateway:
		hosts = []string{""}
	case !given || strings.EqualFold(bind, "localhost"):
		hosts = []string{"127.0.0.1", "::1"}
	}
	for _, host := range hosts {
		l.Bind = append(l.Bind, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	return l, nil
}

// splitForward splits at colons outside of brackets, which are taken off.
func splitForward(spec string) ([]string, error) {
	var parts []string
	for rest := spec; ; {
		part, after, more := "", "", false
		if strings.HasPrefix(rest, "[") {
			end := strings.IndexByte(rest, ']')
			if end < 0 || end+1 < len(rest) && rest[end+1] != ':' {
				return nil, fmt.Errorf("%q: the brackets do not match", spec)
			}
			part, after, more = rest[1:end], strings.TrimPrefix(rest[end+1:], ":"), end+1 < len(rest)
		} else {
			part, after, more = strings.Cut(rest, ":")
		}
		if strings.Contains(part, "/") {
			return nil, fmt.Errorf("%q: %w", spec, errSocketPath)
		}
		parts = append(parts, part)
		if !more {
			return parts, nil
		}
		rest = after
	}
}

// settleForwards makes Listens of -L and -D; -R is only known.
func (st *settings) settleForwards() error {
	l := &st.line
	for _, f := range l.Forwards {
		if f.Kind == ForwardRemote {
			continue
		}
		listen, err := f.listen(l.GatewayPorts)
		if err != nil {
			return err
		}
		l.Listens = append(l.Listens, listen)
	}
	return nil
}
