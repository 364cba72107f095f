package main

import (
	"fmt"
	"os"

	"rexec/internal/server"
	"rexec/platform"
)

// descriptorsOfACommand is what the daemon holds open for one: its connection, both ends of three pipes while it starts, two
// for its process, one for the run folder.
const descriptorsOfACommand = 10

// advice is what an administrator should know of a daemon that can start all the same.
func advice(conf config, cfg server.Config) []string {
	var all []string
	for _, a := range conf.Listen {
		if host, _, err := listenAddress(a); err == nil {
			if err := known(host); err != nil {
				all = append(all, "listen: "+err.Error())
			}
		}
	}
	if len(cfg.Ring.Keys()) == 0 {
		all = append(all, "the ring has no key, so nobody can come in: make one with rexecd key add")
	}
	if own, err := new(platform.Users).Current(); err == nil && cfg.Shell == "" && own.ShellRefuses() {
		all = append(all, fmt.Sprintf("the shell of user %q is %s, which runs nothing: set shell in rexecd.toml, or commands run only with --argv", own.Name, own.Shell))
	}
	if cfg.Shell != "" {
		if fi, err := os.Stat(cfg.Shell); err != nil || fi.IsDir() {
			all = append(all, fmt.Sprintf("shell is %q, which is not a program of this machine, so that no command line runs", cfg.Shell))
		}
	}
	if most, ok := mostDescriptors(); ok {
		if room := int(most-min(most, uint64(cfg.Budgets.Unproved+64))) / descriptorsOfACommand; room < cfg.Sessions {
			all = append(all, fmt.Sprintf("only %d files may be open, which is enough for %d commands at the same time, while sessions allows %d: raise the limit (LimitNOFILE in the systemd unit, ulimit -n), or lower sessions", most, room, cfg.Sessions))
		}
	}
	return all
}
