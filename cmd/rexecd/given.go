package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/secretfile"
)

// maxGiven is more than any token, so that something else is told by what it is.
const maxGiven = 1 << 16

// givenKey reads a token that was made elsewhere, from a file or, as -, from stdin: the key, without limits, and the name
// that the daemon must go by.
func givenKey(file string, stdin io.Reader) (key policy.Key, name string, err error) {
	var data []byte
	if file == "-" {
		file = "stdin"
		data, err = io.ReadAll(io.LimitReader(stdin, maxGiven))
	} else {
		data, err = secretfile.Read(file, maxGiven)
	}
	if err != nil {
		return policy.Key{}, "", err
	}
	defer clear(data)
	tok, err := hmacauth.ParseToken(string(data))
	if err != nil {
		return policy.Key{}, "", fmt.Errorf("%s: %w", file, err)
	}
	if key, err = policy.FromToken(tok); err != nil {
		return policy.Key{}, "", fmt.Errorf("%s: %w", file, err)
	}
	return key, tok.ServerID, nil
}

// checkMeant compares whom a token was made for with the name that was asked for, and where none was, with the machine's
// own: that may differ for a reason, so it is only said.
func checkMeant(meant, asked string, std stdio) error {
	if asked != "" && asked != meant {
		return fmt.Errorf("the token is for %q and opens no other daemon, this one is to be %q: take the token that was made for %q, "+
			"or leave --name out if this machine is %q", meant, asked, asked, meant)
	}
	if asked != "" {
		return nil
	}
	h, err := os.Hostname()
	if err != nil {
		return nil
	}
	short := func(name string) string {
		first, _, _ := strings.Cut(strings.ToLower(name), ".")
		return first
	}
	if short(h) != short(meant) {
		say(std.err, "rexecd: the token is for %q and this machine calls itself %q: right only if clients are to know it as %q", meant, h, meant)
	}
	return nil
}

// checkOurs refuses a token that was made for another daemon than that of the state.
func checkOurs(p paths, meant string) error {
	conf, err := readConfig(p.config)
	if err != nil {
		return err
	}
	if !slices.Contains(conf.Names, meant) {
		return fmt.Errorf("the token is for %q and opens no other daemon, this one goes by %s: take the token that was made for %q, "+
			"or add %q to names in %s", meant, strings.Join(conf.Names, " "), conf.Names[0], meant, p.config)
	}
	return nil
}
