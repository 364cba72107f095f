package main

import (
	"fmt"
	"strings"
	"time"

	"rexec/client"
	"rexec/internal/sshopt"
	"rexec/platform/text"
)

// longOptions are those that ssh does not know.
func longOptions() []sshopt.LongOption {
	return append(fleetOptionNames(), []sshopt.LongOption{
		{Name: "timeout", Value: true},
		{Name: "connect-timeout", Value: true},
		{Name: "linger", Value: true},
		{Name: "env", Value: true, Repeat: true},
		{Name: "cwd", Value: true},
		{Name: "argv"},
		{Name: "text"},
		{Name: "encoding", Value: true},
		{Name: "status-json", Value: true},
		{Name: "config-dir", Value: true},
		{Name: "help", Alone: true},
		{Name: "version", Alone: true},
	}...)
}

// options are the values of the long options, checked.
type options struct {
	timeout        time.Duration // 0: none
	connectTimeout time.Duration // 0: none
	linger         time.Duration // as client.Cmd has it
	env            []string      // NAME=VALUE
	cwd            string
	argv           bool
	text           bool   // all streams are text
	encoding       string // canonical; empty: not given
	statusJSON     string // empty: none
	configDir      string // empty: not given
	fleet          fleetOptions
}

func readOptions(line *sshopt.Line, std stdio) (o options, err error) {
	if o.timeout, err = duration(line, "timeout"); err != nil {
		return o, err
	}
	if o.connectTimeout, err = duration(line, "connect-timeout"); err != nil {
		return o, err
	}
	if o.connectTimeout == 0 {
		o.connectTimeout = line.ConnectTimeout
	}
	if o.linger, err = linger(line); err != nil {
		return o, err
	}
	for _, e := range line.LongAll("env") {
		kv, err := insisted(e, std)
		if err != nil {
			return o, err
		}
		o.env = append(o.env, kv)
	}
	o.cwd, _ = line.LongLast("cwd")
	_, o.argv = line.LongLast("argv")
	_, o.text = line.LongLast("text")
	if name, given := line.LongLast("encoding"); given {
		if o.encoding, err = text.Canonical(name); err != nil {
			return o, fmt.Errorf("option --encoding: %w", err)
		}
	}
	o.configDir, _ = line.LongLast("config-dir")
	given := false
	if o.statusJSON, given = line.LongLast("status-json"); given && o.statusJSON == "" {
		return o, fmt.Errorf("option --status-json: the name of the file is empty; give FILE or fd:N")
	}
	if o.fleet, err = readFleetOptions(line); err != nil {
		return o, err
	}
	switch {
	case o.argv && len(line.Command) == 0:
		return o, fmt.Errorf("option --argv needs a command")
	case o.argv && line.Subsystem:
		return o, fmt.Errorf("options --argv and -s exclude each other")
	}
	return o, nil
}

// duration is above zero; 0 means that the option was not given.
func duration(line *sshopt.Line, name string) (time.Duration, error) {
	text, given := line.LongLast(name)
	if !given {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("option --%s: %q is no length of time; write it as 2s, 1m30s or 500ms", name, text)
	}
	return d, nil
}

func linger(line *sshopt.Line) (time.Duration, error) {
	text, given := line.LongLast("linger")
	if !given {
		return 0, nil
	}
	d, err := parseLinger(text)
	if err != nil {
		return 0, fmt.Errorf("option --linger: %w", err)
	}
	return d, nil
}

func parseLinger(text string) (time.Duration, error) {
	switch text {
	case "forever":
		return client.LingerForever, nil
	case "0":
		return client.LingerNone, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no length of time; write it as 2s, 500ms, 0 or forever", text)
	}
	return max(d, client.LingerNone), nil
}

// insisted is a variable that the daemon must take: NAME=VALUE, or NAME with the value it has here.
func insisted(text string, std stdio) (string, error) {
	name, _, given := strings.Cut(text, "=")
	if name == "" || strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("option --env: %q is neither NAME nor NAME=VALUE", text)
	}
	if given {
		return text, nil
	}
	value, set := std.lookupEnv(name)
	if !set {
		return "", fmt.Errorf("option --env: %s is not set here; write %s=VALUE", name, name)
	}
	return name + "=" + value, nil
}

// offered are the variables that the daemon may drop: SendEnv's by pattern, and SetEnv's, which win.
func offered(line *sshopt.Line, std stdio) []string {
	set := map[string]bool{}
	for _, kv := range line.SetEnv {
		name, _, _ := strings.Cut(kv, "=")
		set[name] = true
	}
	var list []string
	for _, kv := range std.environ {
		name, _, ok := strings.Cut(kv, "=")
		if ok && name != "" && !set[name] && line.SendsEnv(name) {
			list = append(list, kv)
		}
	}
	return append(list, line.SetEnv...)
}
