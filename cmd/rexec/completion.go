package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The scripts ask the program itself, so that hosts added later are completed too; what stands behind the host is the
// remote shell's business, and the local one falls back to file names.
var completionScripts = map[string]string{
	"bash": `_rexec() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _rexec rexec
`,
	"zsh": `#compdef rexec
_rexec() {
	local -a found
	found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _rexec rexec
`,
	"fish": `function __rexec_words
	set -l words (commandline -opc) (commandline -ct)
	$words[1] completion words -- $words[2..-1] 2>/dev/null
end
complete -c rexec -a '(__rexec_words)'
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName rexec -ScriptBlock {
	param($word, $line, $at)
	$words = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -le $at } | Select-Object -Skip 1 | ForEach-Object { "$_" })
	if ($word -eq '') { $words += '""' }
	& rexec completion words -- @words 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`,
}

func completionCommand(std stdio) *cobra.Command {
	const usage = "rexec completion bash | zsh | fish | powershell"
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "print a script that completes options and host names",
		Long:  "Prints a script for the shell; with bash, for this session: source <(rexec completion bash)",
		Args:  words(1, 1, usage),
		RunE: func(_ *cobra.Command, args []string) error {
			script, ok := completionScripts[args[0]]
			if !ok {
				return fmt.Errorf("there is no script for %q; want: %s", args[0], usage)
			}
			_, err := fmt.Fprint(std.out, script)
			return err
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:    "words -- WORD...",
		Hidden: true,
		RunE: func(_ *cobra.Command, line []string) error {
			for _, word := range completions(line, std) {
				if _, err := fmt.Fprintln(std.out, word); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}

// plainWord is what needs no quotes in any shell.
var plainWord = regexp.MustCompile(`^[-A-Za-z0-9._]+$`)

// completions are what the last word of a command line may become; nil: the shell knows better.
func completions(line []string, std stdio) []string {
	if len(line) == 0 {
		return nil
	}
	before, last := line[:len(line)-1], line[len(line)-1]
	if last == `""` { // PowerShell drops empty arguments
		last = ""
	}
	var may []string
	switch {
	case len(before) > 0 && before[0] == "host":
		switch {
		case len(before) == 1:
			may = []string{"add", "ls", "rm", "trust"}
		case len(before) == 2 && (before[1] == "rm" || before[1] == "trust"):
			may = hostNames(std)
		}
	case len(before) == 1 && before[0] == "completion":
		may = []string{"bash", "zsh", "fish", "powershell"}
	case len(before) > 0 && slices.Contains(verbs(), before[0]):
	case hostGiven(before):
	case strings.HasPrefix(last, "-"):
		for _, o := range longOptions() {
			may = append(may, "--"+o.Name)
		}
	default:
		user, host, named := strings.Cut(last, "@")
		for _, name := range hostNames(std) {
			if named && strings.HasPrefix(name, host) && plainWord.MatchString(user) {
				name = user + "@" + name
			}
			may = append(may, name)
		}
		if len(before) == 0 {
			may = append(may, "host", "completion", "help", "version", "ssh")
		}
	}
	return slices.DeleteFunc(may, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// hostGiven reports whether a host stands among the words: the first that is neither an option nor its value.
func hostGiven(words []string) bool {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			return true
		}
		for _, o := range longOptions() {
			if o.Value && w == "--"+o.Name {
				i++
			}
		}
		if len(w) == 2 && strings.Contains("bcDEeFIiJLlmOopPQRSWwB", w[1:]) { // those of ssh(1) that have one
			i++
		}
	}
	return false
}

func hostNames(std stdio) []string {
	inv, err := openInventory("", std, untold)
	if err != nil {
		return nil
	}
	var names []string
	for _, h := range inv.Hosts() {
		for _, name := range append([]string{h.Name}, h.Aliases...) {
			if plainWord.MatchString(name) { // patterns are no names
				names = append(names, name)
			}
		}
	}
	return names
}
