package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// The scripts ask the program itself, so that hosts added later are completed too; what stands behind the host is the
// remote shell's business, and the local one falls back to file names.
var completionScripts = map[string]string{
	"bash": `_rexec() {
	local line=${COMP_LINE:0:COMP_POINT} words last upto='' found
	read -ra words <<<"$line"
	case $line in *[[:space:]]) words+=('') ;; esac
	last=${words[${#words[@]}-1]}
	case $last in
	[\'\"]*) ;;
	*) upto=${last%"${last##*[@:=]}"} ;; # bash completes what is behind the last of these signs, but takes @ along
	esac
	COMPREPLY=()
	while IFS= read -r found; do
		COMPREPLY+=("${found#"${upto%@}"}")
	done < <("${words[0]}" completion words -- "${words[@]:1}" 2>/dev/null)
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
	& rexec completion words -- @words 2>$null | ForEach-Object {
		$text = if ($_ -match '[@,!&^]') { "'$_'" } else { $_ }
		[System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
	}
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
