package server

import (
	"fmt"
	"net"
	"strings"

	"rexec/frame"
	"rexec/internal/policy"
	"rexec/platform"
)

// environment builds a command's environment anew: what the daemon always sets, its LANG unless the client sends one,
// and of the client's what grant allows. Nothing of the daemon's own environment gets through; on Windows it begins with
// what the system gives its user, without which few programs run.
func (s *Server) environment(start frame.Start, grant policy.Grant, user platform.User, id string, local, remote net.Addr) ([]string, error) {
	env, err := platform.Environ()
	if err != nil {
		return nil, err
	}
	set := func(name, value string) { env = append(env, name+"="+value) }
	named := make(map[string]bool)

	for _, kv := range append(offered(start, grant), start.Env...) {
		name, value, _ := strings.Cut(kv, "=")
		if named[name] {
			env = without(env, name)
		}
		named[name] = true
		set(name, value)
	}
	if start.Terminal != nil && start.Terminal.Term != "" && !named["TERM"] {
		set("TERM", start.Terminal.Term)
	}
	if s.settings().Lang != "" && !named["LANG"] {
		set("LANG", s.settings().Lang)
	}
	set("HOME", user.Home)
	set("USER", user.Login())
	set("LOGNAME", user.Login())
	set("SHELL", user.Shell)
	if path := s.settings().Path; path != "" {
		set("PATH", path)
	}
	set("REXEC_SESSION", id)
	set("REXEC_KEY_ID", grant.KeyID)
	// Shells and tools look for these (ssh(1), ENVIRONMENT): bash reads ~/.bashrc for a command when they are there.
	ch, cp, _ := net.SplitHostPort(remote.String())
	sh, sp, _ := net.SplitHostPort(local.String())
	set("SSH_CLIENT", fmt.Sprintf("%s %s %s", ch, cp, sp))
	set("SSH_CONNECTION", fmt.Sprintf("%s %s %s %s", ch, cp, sh, sp))
	if grant.Forced && grant.Original != "" {
		set("REXEC_ORIGINAL_COMMAND", grant.Original)
		set("SSH_ORIGINAL_COMMAND", grant.Original)
	}
	return env, nil
}

// offered is what the client sends if we like, as ssh's SendEnv: what is not allowed is dropped.
func offered(start frame.Start, grant policy.Grant) []string {
	var took []string
	for _, kv := range start.EnvOffered {
		if name, _, _ := strings.Cut(kv, "="); grant.AllowEnv(name) {
			took = append(took, kv)
		}
	}
	return took
}

func without(env []string, name string) []string {
	kept := env[:0]
	for _, kv := range env {
		if !strings.HasPrefix(kv, name+"=") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// names are the variables' names of NAME=VALUE entries.
func names(env []string) []string {
	out := make([]string, len(env))
	for i, kv := range env {
		out[i], _, _ = strings.Cut(kv, "=")
	}
	return out
}
