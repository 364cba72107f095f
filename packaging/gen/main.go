// Command gen writes the man pages of packaging/man from the text beside it, from docs/configuration.md and from what the
// programs say of themselves with --help, so that no option stands in two places.
//
// It leaves the words to those files; run it in the project's folder: go run ./packaging/gen
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pages are the sources of the pages, relative to the project's folder.
var pages = []struct{ name, section, source, about string }{
	{"rexec", "1", "packaging/gen/rexec.1.md", "run commands on machines that run rexecd"},
	{"rexecd", "8", "packaging/gen/rexecd.8.md", "let the holders of a key run commands on this machine"},
	{"rexecd.toml", "5", "docs/configuration.md", "the configuration of rexecd"},
	{"rexecd.keyring", "5", "docs/keyring.md", "the keys that rexecd admits"},
	{"rexec-hosts", "5", "packaging/gen/rexec-hosts.5.md", "the hosts that rexec knows"},
}

func main() {
	made, err := generate(".")
	for path, text := range made {
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// generate gives the pages by their paths below root.
func generate(root string) (map[string]string, error) {
	bin, err := os.MkdirTemp("", "rexec-gen-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "rexec/cmd/rexec", "rexec/cmd/rexecd")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the programs: %w: %s", err, out)
	}
	made := map[string]string{}
	for _, p := range pages {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.source)))
		if err != nil {
			return nil, err
		}
		body, err := roff(string(text), func(line string) (string, error) { return help(bin, line) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.source, err)
		}
		head := fmt.Sprintf(".\\\" Made by packaging/gen from %s; change that.\n.TH %s %s \"\" rexec\n.SH NAME\n%s \\- %s\n",
			p.source, strings.ToUpper(escape(p.name)), p.section, escape(p.name), escape(p.about))
		made[filepath.Join(root, "packaging", "man", p.name+"."+p.section)] = head + body
	}
	return made, nil
}

// help is what a program of ours says to a line such as "rexecd key add --help".
func help(bin, line string) (string, error) {
	words := strings.Fields(line)
	cmd := exec.Command(filepath.Join(bin, words[0]), words[1:]...)
	cmd.Env = []string{"HOME=/nonexistent"}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", line, err)
	}
	return string(out), nil
}
