package fleet

import (
	"fmt"
	"strconv"
	"strings"

	"rexec/internal/nodeset"
)

// states are all of them, in the order in which they are shown.
var states = []State{OK, Failed, Unknown, TimedOut, Unreachable, Interrupted, NotStarted}

// named are the hosts in a state.
func named(results []Result, s State) []string {
	names := []string{}
	for _, r := range results {
		if r.State == s {
			names = append(names, r.Host.Name)
		}
	}
	return names
}

// NotOK are the names of all hosts that are to be tried again.
func NotOK(results []Result) []string {
	var names []string
	for _, r := range results {
		if r.State != OK {
			names = append(names, r.Host.Name)
		}
	}
	return names
}

// Summary is a line for each state that hosts are in, as node sets; failed ones by how they ended.
func Summary(results []Result) []string {
	var lines []string
	for _, s := range states {
		names := named(results, s)
		if len(names) == 0 {
			continue
		}
		sets := fold(names)
		if s == Failed {
			sets = failed(results)
		}
		lines = append(lines, fmt.Sprintf("%v %d: %s", s, len(names), sets))
	}
	return lines
}

// failed groups by exit code, in the order in which the codes first come.
func failed(results []Result) string {
	var order []string
	with := map[string][]string{}
	for _, r := range results {
		if r.State != Failed {
			continue
		}
		how := ending(r)
		if with[how] == nil {
			order = append(order, how)
		}
		with[how] = append(with[how], r.Host.Name)
	}
	for i, how := range order {
		order[i] = fmt.Sprintf("%s (%s)", fold(with[how]), how)
	}
	return strings.Join(order, ", ")
}

// ending is how a host failed, in a word or two.
func ending(r Result) string {
	switch r.Status.ErrorClass {
	case "local":
		return "output not written"
	case "refused":
		return "refused"
	case "start":
		return "cannot start"
	}
	if r.Status.Signal != "" {
		return "SIG" + r.Status.Signal
	}
	if c := r.Status.Code; c != nil {
		return "exit " + strconv.FormatInt(*c, 10)
	}
	return r.Status.Kind
}

// ExitCode is 0 only if all hosts are OK; else 1, or with largest the largest code that one of them would have given.
// Hosts whose turn did not come count for nothing there: another host's code says why.
func ExitCode(results []Result, largest bool) int {
	code := 0
	for _, r := range results {
		switch {
		case r.State == OK:
		case !largest:
			return 1
		case r.State == NotStarted:
			code = max(code, 1)
		default:
			code = max(code, r.Code)
		}
	}
	return code
}

// countOf is a number of hosts.
func countOf(n int) string {
	if n == 1 {
		return "1 host"
	}
	return strconv.Itoa(n) + " hosts"
}

// fold writes names as a node set.
func fold(names []string) string {
	set, err := nodeset.Of(names...)
	if err != nil { // a name that no expression could say
		return strings.Join(names, ",")
	}
	return set.String()
}
