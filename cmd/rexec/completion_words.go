package main

import (
	"slices"
	"strings"
)

// plainWord is what needs no quotes in any shell.
func plainWord(word string) bool {
	const plain = "-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return word != "" && strings.Trim(word, plain) == ""
}

// completions are what the last word of a command line may become; nil: the shell knows better.
func completions(line []string, std stdio) []string {
	if len(line) == 0 {
		return nil
	}
	before, last := line[:len(line)-1], line[len(line)-1]
	last = unquoted(last)
	var may []string
	switch {
	case len(before) > 0 && before[0] == "host":
		switch {
		case len(before) == 1:
			may = []string{"add", "ls", "rm", "trust"}
		case before[1] == "ls" && strings.HasPrefix(last, "-"):
			may = []string{"--json", "--fold", "--expand", "--groups"}
		case before[1] == "ls":
			may = setWords(last, std)
		case len(before) == 2 && (before[1] == "rm" || before[1] == "trust"):
			may = known(std).names
		}
	case len(before) > 0 && before[0] == "lab":
		switch {
		case len(before) == 1:
			may = []string{"init", "token", "ls", "rm"}
		case len(before) == 2 && (before[1] == "token" || before[1] == "rm"):
			may = labNames(std)
		case before[1] == "token" && strings.HasPrefix(last, "-"):
			may = []string{"--out", "--address", "--also"}
		case before[1] == "token" && len(before) == 3:
			may = setWords(last, std)
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
		may = setWords(last, std)
		if len(before) == 0 {
			may = append(may, "host", "lab", "completion", "help", "version", "ssh")
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

// unquoted takes off what a shell leaves around a word that is not finished. PowerShell drops empty arguments and has ""
// in their place.
func unquoted(word string) string {
	if word == "" || word[0] != '\'' && word[0] != '"' {
		return word
	}
	return strings.TrimSuffix(word[1:], word[:1])
}

// knownWords are the names that completion offers.
type knownWords struct{ names, groups []string }

// mostNames is how many names of hosts anybody would choose from.
const mostNames = 2000

func known(std stdio) (k knownWords) {
	inv, err := openInventory("", std, untold)
	if err != nil {
		return k
	}
	for _, h := range inv.Hosts() {
		k.names = append(append(k.names, h.Name), h.Aliases...)
	}
	if all, err := inv.Resolve("@all"); err == nil && all.Len() <= mostNames {
		k.names = append(k.names, all.Names()...)
	}
	if groups, err := inv.Groups(); err == nil {
		for _, g := range groups {
			k.groups = append(k.groups, "@"+g.Name)
		}
		k.groups = append(k.groups, "@all")
	}
	slices.Sort(k.names)
	k.names = slices.DeleteFunc(slices.Compact(k.names), func(w string) bool { return !plainWord(w) })
	k.groups = slices.DeleteFunc(k.groups, func(w string) bool { return !plainWord(w[1:]) })
	return k
}

func labNames(std stdio) (names []string) {
	inv, err := openInventory("", std, untold)
	if err != nil {
		return nil
	}
	labs, err := inv.Labs()
	if err != nil {
		return nil
	}
	for _, l := range labs {
		names = append(names, l.Name)
	}
	return names
}

// setWords completes the last term of a node set, or a host behind user@.
func setWords(word string, std stdio) []string {
	if strings.LastIndexByte(word, '[') > strings.LastIndexByte(word, ']') {
		return nil // numbers
	}
	term := strings.LastIndexAny(word, ",!&^") + 1
	if at := strings.IndexByte(word, '@'); term == 0 && at > 0 && plainWord(word[:at]) {
		term = at + 1
	}
	k := known(std)
	may := k.groups
	if !strings.HasPrefix(word[term:], "@") {
		may = slices.Concat(k.names, k.groups)
	}
	for i := range may {
		may[i] = word[:term] + may[i]
	}
	return may
}
