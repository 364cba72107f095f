package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"rexec/hmacauth"
	"rexec/internal/audit"
	"rexec/internal/policy"
	"rexec/internal/strictoml"
	"rexec/platform"
)

// config is rexecd.toml.
type config struct {
	Names     []string // names: the server ids this daemon goes by
	Listen    []string // listen: addresses
	Advertise string   // advertise: the address clients dial; empty: the first of listen
	AcceptEnv []string // accept_env: names and globs of variables any client may set
	Path      string   // path: PATH of commands
	Shell     string   // shell: the shell of all users, instead of each one's own
	Lang      string   // lang: LANG of commands unless the client sends one

	Audit audit.Options // audit, audit_file, audit_fsync

	tuning
}

// isSetUp says what to do where there is no configuration at all.
func isSetUp(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no %s: set this machine up with rexecd init, or say --state DIR", path)
	}
	return nil
}

// readConfig reads rexecd.toml; every unknown key is refused with its row.
func readConfig(path string) (config, error) {
	if err := isSetUp(path); err != nil {
		return config{}, err
	}
	info, err := os.Stat(path) // before opening: a FIFO would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: put the configuration there", path)
	}
	if err != nil {
		return config{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, err
	}
	doc, err := strictoml.Parse(path, data)
	if err != nil {
		return config{}, err
	}
	c := config{}
	root := doc.Root
	c.Names = root.Texts("names")
	c.Listen = root.Texts("listen")
	c.Advertise = root.Text("advertise")
	c.AcceptEnv = root.Texts("accept_env")
	c.Path = root.Text("path")
	c.Shell = root.Text("shell")
	c.Lang = root.Text("lang")
	c.tuning = readTuning(root)
	c.Audit = readAudit(root)
	if len(c.Names) == 0 {
		root.Fail("names", errors.New("must name this daemon at least once"))
	}
	for _, n := range c.Names {
		if err := hmacauth.ValidateID("name", n); err != nil {
			root.Fail("names", err)
		}
	}
	if c.Advertise != "" {
		if _, _, err := listenAddress(c.Advertise); err != nil {
			root.Fail("advertise", err)
		}
	}
	if c.Shell != "" {
		if err := platform.CheckShell(c.Shell); err != nil {
			root.Fail("shell", err)
		}
	}
	if len(c.Listen) == 0 {
		root.Fail("listen", errors.New("must name at least one address"))
	}
	if earlier, err := checkListen(c.Listen); err != nil {
		root.Fail("listen", err)
	} else if a, ok := overlaps(earlier, c.Metrics); ok {
		root.Fail("metrics", fmt.Errorf("is %s, which %s of listen has already: give it a port of its own", c.Metrics, a))
	}
	for name, empty := range map[string]bool{"advertise": c.Advertise == "", "path": c.Path == "", "shell": c.Shell == "", "lang": c.Lang == ""} {
		if empty && root.Has(name) {
			root.Fail(name, errors.New("is empty: fill it or leave the line out"))
		}
	}
	for _, name := range c.AcceptEnv {
		if err := policy.CheckEnv(name); err != nil {
			root.Fail("accept_env", fmt.Errorf("has %.64q in it, which %w", name, err))
		}
	}
	for _, text := range [...]struct{ name, text string }{{"path", c.Path}, {"shell", c.Shell}, {"lang", c.Lang}} {
		if strings.ContainsFunc(text.text, unicode.IsControl) {
			root.Fail(text.name, errors.New("has a control character in it"))
		}
	}
	return c, doc.Err()
}

// checkListen refuses addresses that cannot all be listened on, and gives them whole, with their ports.
func checkListen(all []string) (whole []string, err error) {
	for _, a := range all {
		host, port, err := listenAddress(a)
		if err != nil {
			return nil, err
		}
		w := net.JoinHostPort(host, strconv.Itoa(port))
		switch earlier, ok := overlaps(whole, w); {
		case ok && earlier == w:
			return nil, fmt.Errorf("has %s twice", w)
		case ok:
			return nil, fmt.Errorf("has %s beside %s, and the one takes in the other: leave one out", earlier, w)
		}
		whole = append(whole, w)
	}
	return whole, nil
}

// overlaps finds the address that cannot be listened on together with another one: the same, or a wildcard of the same
// port and family (ip(7), ipv6(7)). Names are looked up when the daemon starts, so here they are only themselves.
func overlaps(whole []string, other string) (string, bool) {
	host, port, _ := net.SplitHostPort(other)
	ip, err := netip.ParseAddr(host)
	for _, w := range whole {
		h, p, _ := net.SplitHostPort(w)
		if p != port {
			continue
		}
		i, e := netip.ParseAddr(h)
		switch {
		case h == host, h == "", host == "":
			return w, true
		case err == nil && e == nil && i.Is4() == ip.Is4() && (i.IsUnspecified() || ip.IsUnspecified()):
			return w, true
		}
	}
	return "", false
}

// defaultPort is where daemons listen and clients dial.
const defaultPort = 7522

// hostName is what a name server may know.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?$`)

// known refuses a name that this machine cannot turn into an address to listen on.
func known(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return nil
	}
	if _, err := net.LookupHost(host); err != nil {
		return fmt.Errorf("this machine does not know an address of %q: give one of its own, such as 127.0.0.1, or :%d for all", host, defaultPort)
	}
	return nil
}

// listenAddress checks an address to listen on: host:port, host, or :port; an empty host is every address.
func listenAddress(s string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		if strings.Contains(s, ":") && net.ParseIP(s) == nil {
			return "", 0, fmt.Errorf("address %q: must be HOST:PORT", s)
		}
		host, p = s, strconv.Itoa(defaultPort)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostName.MatchString(host) {
		return "", 0, fmt.Errorf("address %q: %q is neither an address nor the name of a host", s, host)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("address %q: the port must be 1 to 65535", s)
	}
	return host, port, nil
}
