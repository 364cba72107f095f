package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// maxName is the length of the longest name, in bytes; it is also a file's.
const maxName = 128

// reserved are the verbs of rexec, which a host of the same name would hide
// behind.
func reserved() []string {
	return []string{
		"host", "lab", "ps", "attach", "logs", "wait", "kill", "cp", "ssh", "completion", "help", "version",
	}
}

// isDevice tells what cannot be the name of a file on Windows, whatever comes behind a dot (Naming Files, Paths, and
// Namespaces, in Microsoft's Win32 manual).
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	switch base = strings.ToLower(base); base {
	case "con", "prn", "aux", "nul":
		return true
	}
	port, named := strings.CutPrefix(base, "com")
	if !named {
		port, named = strings.CutPrefix(base, "lpt")
	}
	return named && len(port) == 1 && '0' <= port[0] && port[0] <= '9'
}

// ValidateName reports whether a host can be called that: letters and digits,
// and behind the first also . _ -. What node sets, users, ports and shells
// need for themselves is thereby out.
func ValidateName(name string) error { return checkName("host", name, "") }

// checkName takes extra characters anywhere in the name too.
func checkName(what, name, extra string) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s name %.64q %w", what, name, fmt.Errorf(format, args...))
	}
	switch {
	case name == "":
		return fmt.Errorf("%s name is empty", what)
	case len(name) > maxName:
		return refuse("has %d bytes, want at most %d", len(name), maxName)
	case name[0] == '-':
		return refuse("begins with - and would be taken for an option")
	case name[0] == '.':
		return refuse("begins with . and would be a hidden file")
	}
	if isDevice(name) {
		return refuse("is a device on Windows, where its key could not be kept")
	}
	for _, r := range name {
		if !nameRune(r) && !strings.ContainsRune(extra, r) {
			return refuse("has %q in it, want letters, digits and . _ -", r)
		}
	}
	return nil
}

// checkNewName is for names that rexec host add makes; only a lab's key can be
// many hosts'.
func checkNewName(name string, lab bool) error {
	if slices.Contains(reserved(), name) {
		return fmt.Errorf("host name %q is a verb of rexec: choose another, such as %s-1", name, name)
	}
	switch {
	case !isPattern(name):
		return ValidateName(name)
	case !lab:
		return fmt.Errorf("host name %.64q is a pattern, and this token is for one host: name that host", name)
	}
	_, err := readMany(name)
	return err
}

// wildcards in a name make the entry one for many hosts (path.Match without
// classes); the signs of node sets do too.
const (
	wildcards = "*?"
	setSigns  = "[],"
)

func isGlob(name string) bool { return strings.ContainsAny(name, wildcards) }

func isPattern(name string) bool { return strings.ContainsAny(name, wildcards+setSigns) }

func checkPattern(name string) error { return checkName("host", name, wildcards) }

// checkKeyName is for the names of files in keys/. Ids of keys are such names
// unless they begin badly.
func checkKeyName(name string) error {
	return checkName("key", name, "@")
}
