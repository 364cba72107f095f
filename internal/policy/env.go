package policy

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// usualEnv is what every client may set; TERM comes on top with a terminal.
var usualEnv = []string{"LANG", "LC_*", "GIT_PROTOCOL"}

// daemonsEnv is what the daemon sets itself, and neverEnv what decides which
// code a program loads or a shell runs before its first command. No key and no
// configuration opens either.
var (
	daemonsEnv = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH", "REXEC_*", "SSH_*"}
	neverEnv   = []string{"LD_*", "DYLD_*", "BASH_ENV", "ENV", "BASH_FUNC_*", "SHELLOPTS", "BASHOPTS", "PS4",
		"COMSPEC", "PATHEXT", "PSMODULEPATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"}
)

// AllowEnv reports whether a client may set the variable: one of LANG, LC_*,
// GIT_PROTOCOL, with a terminal TERM, or what a pattern names ("*" and "?" as
// in globs); never one that the daemon sets, nor LD_*, DYLD_*, BASH_ENV, ENV
// and their like. The latter in any letter case: Windows does not tell Path
// from PATH. patterns are those of the key and of the daemon's configuration.
func AllowEnv(patterns []string, name string, terminal bool) bool {
	if name == "" || strings.ContainsFunc(name, oddInEnv) || forbiddenEnv(name) {
		return false
	}
	return terminal && name == "TERM" || anyGlob(usualEnv, name) || anyGlob(patterns, name)
}

func oddInEnv(r rune) bool { return r == '=' || r == unicode.ReplacementChar || !unicode.IsPrint(r) }

func forbiddenEnv(name string) bool {
	name = strings.ToUpper(name)
	return anyGlob(daemonsEnv, name) || anyGlob(neverEnv, name)
}

func anyGlob(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, nil, name) })
}

// CheckEnv refuses a pattern that could not let anything through. The
// error continues a sentence that has named the pattern.
func CheckEnv(pattern string) error {
	if strings.ContainsFunc(pattern, oddInEnv) {
		return errors.New("is no name of a variable")
	}
	if forbiddenEnv(pattern) {
		return errors.New("no client may ever set: leave it out")
	}
	return nil
}
