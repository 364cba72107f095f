package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"rexec/internal/server"
)

// openListeners gives the sockets that systemd passed (sd_listen_fds(3)), else those of the configuration.
func openListeners(conf config, file string, listen listener) (all []net.Listener, passed bool, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				_ = l.Close()
			}
		}
	}()
	given, err := activation.Listeners()
	if err != nil {
		return nil, true, fmt.Errorf("sockets from systemd: %w", err)
	}
	for i, l := range given {
		if l == nil {
			return all, true, fmt.Errorf("socket %d from systemd does not listen: the socket unit wants ListenStream=%d", i, defaultPort)
		}
		all = append(all, l)
		if _, ok := l.(*net.TCPListener); !ok {
			return all, true, fmt.Errorf("socket %d from systemd is %s, want TCP: ListenStream=%d", i, l.Addr().Network(), defaultPort)
		}
	}
	if len(all) > 0 {
		return all, true, nil
	}
	for _, a := range conf.Listen {
		host, port, err := listenAddress(a)
		if err != nil {
			return all, false, err
		}
		l, err := listen(family(host), net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return all, false, fmt.Errorf("cannot listen on %s: %w: see who else listens there, or change listen in %s", a, listenCause(err), file)
		}
		all = append(all, l)
	}
	return all, false, nil
}

// listener is net.Listen, or like it.
type listener func(network, address string) (net.Listener, error)

// listenBehindKilled is net.Listen behind a daemon that was killed.
func listenBehindKilled(network, address string) (l net.Listener, err error) {
	server.Handover(func() bool {
		l, err = net.Listen(network, address)
		return !errors.Is(err, syscall.EADDRINUSE)
	})
	return l, err
}

// family is the network to listen in: [::] is IPv6 alone, so that 0.0.0.0 can stand beside it; no host is both.
func family(host string) string {
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return "tcp"
	case ip.Is4():
		return "tcp4"
	}
	return "tcp6"
}

// listenCause gives the words below net.OpError's address.
func listenCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// tell tells systemd, if it started us with Type=notify, how things stand (sd_notify(3)).
func tell(states ...string) { _, _ = daemon.SdNotify(false, strings.Join(states, "\n")) }

func tellReloading() {
	tell(daemon.SdNotifyReloading, strings.TrimSuffix(daemon.SdNotifyMonotonicUsec(), "\n"))
}

func tellReady() { tell(daemon.SdNotifyReady) }

func tellStopping() { tell(daemon.SdNotifyStopping) }
