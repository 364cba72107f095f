package sshopt

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// takeHost reads the first word that is no option: host, user@host, ssh://[user@]host[:port], an IPv6 address with or
// without brackets, and in the shape Rexec a node set. User and port give way to those of an earlier option.
func (st *settings) takeHost(word string) error {
	l := &st.line
	if uri, ok := strings.CutPrefix(word, "ssh://"); ok {
		return st.takeURI(word, uri)
	}
	user, host, at := word, "", -1
	if st.shape == Rexec {
		at = userEnd(word)
	} else {
		at = strings.LastIndexByte(word, '@')
	}
	if at >= 0 {
		user, host = word[:at], word[at+1:]
		if user == "" {
			return fmt.Errorf("%q: no user before the @", word)
		}
		st.user.offer(user)
	} else {
		host = word
	}
	l.Host = unbracket(host)
	l.NodeSet = st.shape == Rexec && l.Host == host && isNodeSet(host)
	return checkHost(l.Host, l.NodeSet)
}

// userEnd returns where user@ ends in a word that may be a node set: at the last @ before any of its signs, a group's own
// @ not counted, which stands at the start of a term. -1: there is no user.
func userEnd(word string) int {
	end := -1
	for i := 0; i < len(word); i++ {
		switch {
		case strings.IndexByte("[],!&", word[i]) >= 0:
			return end
		case word[i] == '@' && (i == 0 || word[i-1] == '@'):
			return end
		case word[i] == '@':
			end = i
		}
	}
	return end
}

// isNodeSet is DESIGN 7's test: a plain name is one host, whatever the inventory says.
func isNodeSet(host string) bool {
	if strings.HasPrefix(host, "[") && strings.Contains(host, ":") {
		return false
	}
	return strings.HasPrefix(host, "@") || strings.ContainsAny(host, "[],!&")
}

// takeURI reads what follows ssh:// (draft-ietf-secsh-scp-sftp-ssh-uri); connection parameters are dropped, a path is refused.
func (st *settings) takeURI(word, rest string) error {
	bad := func(why string) error { return fmt.Errorf("%q: %s; write ssh://[user@]host[:port]", word, why) }
	if user, after, ok := strings.Cut(rest, "@"); ok {
		user, _, _ = strings.Cut(user, ";")
		name, err := url.PathUnescape(user)
		if err != nil || name == "" {
			return bad("no user before the @")
		}
		st.user.offer(name)
		rest = after
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.Contains(rest, "/") {
		return bad("a path has no meaning here")
	}
	host, port := rest, ""
	if end := strings.IndexByte(rest, ']'); strings.HasPrefix(rest, "[") && end > 0 {
		host, port = rest[:end+1], rest[end+1:]
	} else if colon := strings.IndexByte(rest, ':'); colon >= 0 {
		host, port = rest[:colon], rest[colon:]
	}
	host, _ = stripBrackets(host)
	st.line.Host = strings.TrimSuffix(host, ".")
	if port != "" && port[0] != ':' || strings.ContainsAny(st.line.Host, "@[]") {
		return bad("this is no address")
	}
	if len(port) > 1 {
		if err := set(st.port.offer, fmt.Sprintf("%q", word), port[1:], parsePort); err != nil {
			return err
		}
	}
	return checkHost(st.line.Host, false)
}

// unbracket takes the brackets off an IPv6 address; those of a node set stay.
func unbracket(host string) string {
	if bare, ok := stripBrackets(host); ok && strings.Contains(bare, ":") {
		return bare
	}
	return host
}

// stripBrackets takes brackets off anything, and reports whether there were any.
func stripBrackets(host string) (string, bool) {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1], true
	}
	return host, false
}

// checkHost refuses what can be no host's name: it would be an option to somebody, or a shell's business (ssh's
// ssh_valid_hostname).
func checkHost(host string, nodeSet bool) error {
	shell := "'`\"$\\;<>|(){}"
	if !nodeSet {
		shell += "&,"
	}
	switch {
	case host == "":
		return errors.New("the name of the host is empty; see rexec help")
	case host[0] == '-':
		return fmt.Errorf("%q is no host: it begins with a dash", host)
	case strings.ContainsFunc(host, blankOrControl):
		return fmt.Errorf("%q is no host: it has blanks or control characters", host)
	case strings.ContainsAny(host, shell):
		return fmt.Errorf("%q is no host: it has characters that no name has", host)
	}
	return nil
}

// CheckUser is ssh's ssh_valid_ruser: user names end up in other people's scripts.
func CheckUser(user string) error {
	switch {
	case user == "":
		return errors.New("the name of the user is empty")
	case user[0] == '-':
		return fmt.Errorf("%q is no user: it begins with a dash", user)
	case strings.ContainsFunc(user, unicode.IsControl):
		return fmt.Errorf("%q is no user: it has control characters", user)
	case strings.ContainsAny(user, "'`\";&<>|(){}"), strings.Contains(user, " -"), strings.HasSuffix(user, `\`):
		return fmt.Errorf("%q is no user: it has characters that no name has", user)
	}
	return nil
}

func blankOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
