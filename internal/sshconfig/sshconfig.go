// Package sshconfig reads from OpenSSH's ~/.ssh/config (ssh_config(5)) what it says about a host's address, port and user.
//
// Every other keyword is passed over. What ssh does with them, and whether the file is to be read at all, is the caller's
// business.
package sshconfig

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Host is what the file says about one host; the zero value is nothing.
type Host struct {
	HostName string
	Port     int
	User     string
}

// File is a configuration with all that it includes, in the order in which ssh reads it.
type File struct{ lines []line }

// line is one of the three keywords, and the Host lines it stands under: its own, and those around an Include.
type line struct {
	under   [][]string // of each, the patterns; all must fit
	keyword string     // in lower case
	value   string
}

// Host returns what the file says about a name as it is typed: of each keyword the first line that is for it.
func (f *File) Host(name string) Host {
	var h Host
	for _, l := range f.lines {
		if !l.isFor(name) {
			continue
		}
		switch {
		case l.keyword == "hostname" && h.HostName == "":
			h.HostName = expand(l.value, name)
		case l.keyword == "user" && h.User == "":
			h.User = l.value
		case l.keyword == "port" && h.Port == 0:
			h.Port, _ = strconv.Atoi(l.value) // read made sure
		}
	}
	return h
}

func (l line) isFor(name string) bool {
	for _, patterns := range l.under {
		if !fits(patterns, name) {
			return false
		}
	}
	return true
}

// fits reports whether a Host line is for the name: one of its patterns fits, and none of those with a ! before it.
func fits(patterns []string, name string) bool {
	found := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if !match(p, name) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

// match knows * and ? alone; path.Match's other signs mean themselves here, and no name has a slash.
func match(pattern, name string) bool {
	pattern = strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(pattern)
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// expand does the two percent signs that HostName takes.
func expand(value, name string) string {
	return strings.NewReplacer("%%", "%", "%h", name).Replace(value)
}

// check refuses what could not be used; ok says that the line counts.
func check(keyword, value string) error {
	switch keyword {
	case "port":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("the Port %.40q is no number from 1 to 65535", value)
		}
	case "hostname":
		if rest := strings.NewReplacer("%%", "", "%h", "").Replace(value); strings.Contains(rest, "%") {
			return fmt.Errorf("the HostName %.100q has a %% other than %%h and %%%%", value)
		}
	}
	return nil
}
