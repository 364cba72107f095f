package sshopt

import (
	"fmt"
	"slices"
	"strings"
)

// addSendEnv is SendEnv: a list of patterns, added to what there is; -PATTERN removes what was listed before.
func (st *settings) addSendEnv(option string, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("%s: %w", option, errEmpty)
	}
	for _, w := range words {
		if w == "" || strings.Contains(w, "=") {
			return fmt.Errorf("%s: %q is no name of a variable; to set one use -o SetEnv", option, w)
		}
		if pattern, remove := strings.CutPrefix(w, "-"); remove {
			st.line.SendEnv = slices.DeleteFunc(st.line.SendEnv, func(listed string) bool { return match(listed, pattern) })
			continue
		}
		st.line.SendEnv = append(st.line.SendEnv, w)
	}
	return nil
}

// offerSetEnv is SetEnv: of several the first counts, and in it the first of equal names.
func (st *settings) offerSetEnv(option string, words []string) error {
	var list []string
	for _, w := range words {
		name, _, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return fmt.Errorf("%s: %q is not NAME=VALUE", option, w)
		}
		if !slices.ContainsFunc(list, func(have string) bool { return strings.HasPrefix(have, name+"=") }) {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("%s: %w", option, errEmpty)
	}
	st.setEnv.offer(list)
	return nil
}

// match reports whether s matches a pattern of ssh_config(5), PATTERNS: * is any bytes, ? is one.
func match(s, pattern string) bool {
	star, resume := -1, 0 // the last *, and where in s what follows it was tried last
	i, p := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			i++
			p++
		case star >= 0:
			resume++
			i, p = resume, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchList is match over a comma-separated list, in which !PATTERN takes back.
func matchList(s, list string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if match(s, pattern) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}
