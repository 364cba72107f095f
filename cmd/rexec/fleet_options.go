package main

import (
	"fmt"
	"strconv"
	"time"

	"rexec/internal/sshopt"
)

// fleetOptionNames are the options that only many hosts have.
func fleetOptionNames() []sshopt.LongOption {
	return []sshopt.LongOption{
		{Name: "fanout", Value: true},
		{Name: "total-timeout", Value: true},
		{Name: "canary", Value: true},
		{Name: "fail-fast"},
		{Name: "retry-failed", Value: true},
		{Name: "fold"},
		{Name: "json"},
		{Name: "out", Value: true},
		{Name: "max-code"},
		{Name: "linux", Value: true},
		{Name: "windows", Value: true},
		{Name: "darwin", Value: true},
		{Name: "verbatim"},
		{Name: "become"},
		{Name: "dry-run"},
		{Name: "confirm-above", Value: true},
		{Name: "yes"},
	}
}

// fleetOptions are their values, checked.
type fleetOptions struct {
	given string // the first of them that is on the line; empty: none

	fanout       int           // 0: the default
	total        time.Duration // 0: none
	canary       int           // 0: none
	failFast     bool
	retryFailed  string // empty: none
	fold         bool
	json         bool
	out          string // empty: none
	maxCode      bool
	systems      map[string]string // nil: none
	verbatim     bool
	become       bool
	dryRun       bool
	confirmAbove int // -1: not given
	yes          bool
}

const (
	maxFanout   = 4096
	mostConfirm = 1 << 20
	// confirmAbove is how many hosts a person is not asked about.
	confirmAbove = 20
)

func readFleetOptions(line *sshopt.Line) (o fleetOptions, err error) {
	for _, name := range fleetOptionNames() {
		if _, given := line.LongLast(name.Name); given && o.given == "" {
			o.given = name.Name
		}
	}
	if o.fanout, err = number(line, "fanout", 1, maxFanout, 0); err != nil {
		return o, err
	}
	if o.canary, err = number(line, "canary", 1, 1<<16, 0); err != nil {
		return o, err
	}
	if o.total, err = duration(line, "total-timeout"); err != nil {
		return o, err
	}
	if o.confirmAbove, err = number(line, "confirm-above", 0, mostConfirm, -1); err != nil {
		return o, err
	}
	for name, flag := range map[string]*bool{"fail-fast": &o.failFast, "fold": &o.fold, "json": &o.json, "max-code": &o.maxCode,
		"verbatim": &o.verbatim, "become": &o.become, "dry-run": &o.dryRun, "yes": &o.yes} {
		_, *flag = line.LongLast(name)
	}
	for name, text := range map[string]*string{"retry-failed": &o.retryFailed, "out": &o.out} {
		value, given := line.LongLast(name)
		if given && value == "" {
			return o, fmt.Errorf("option --%s: the name is empty", name)
		}
		*text = value
	}
	for _, system := range [...]string{"linux", "windows", "darwin"} {
		text, given := line.LongLast(system)
		switch {
		case given && text == "":
			return o, fmt.Errorf("option --%s: the command is empty", system)
		case given && o.systems == nil:
			o.systems = map[string]string{}
		}
		if given {
			o.systems[system] = text
		}
	}
	_, argv := line.LongLast("argv")
	switch {
	case o.fold && o.json:
		return o, fmt.Errorf("options --fold and --json exclude each other")
	case argv && o.systems != nil:
		return o, fmt.Errorf("option --argv: the lines of --linux, --windows and --darwin are for a shell; leave --argv out")
	}
	return o, nil
}

// number is within its bounds; def: the option was not given.
func number(line *sshopt.Line, name string, least, most, def int) (int, error) {
	text, given := line.LongLast(name)
	if !given {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("option --%s: %q is no number from %d to %d", name, text, least, most)
	}
	return n, nil
}
