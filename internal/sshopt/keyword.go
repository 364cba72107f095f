package sshopt

import (
	"fmt"
	"strings"
)

// keyword applies a keyword of the class Acts or Refused. rest is its whole value as written, words the same split.
func (st *settings) keyword(name, option, rest string, words []string) error {
	l := &st.line
	from := strings.TrimPrefix(option, "option ")
	line := strings.TrimLeft(rest, blanks+"=") // what runs to the end of the line keeps its quotes
	switch name {                              // those that take a list, or the rest of the line as it is
	case "sendenv":
		return st.addSendEnv(option, words)
	case "setenv":
		return st.offerSetEnv(option, words)
	case "remotecommand":
		st.remoteCommand.offer(line)
		return nil
	case "proxycommand":
		st.proxyCommand.offer(named{from, line})
		return nil
	case "proxyjump":
		st.offerJump(named{from, line})
		return nil
	case "localcommand":
		st.localCommand.offer(named{from, line})
		return nil
	case "localforward", "remoteforward", "dynamicforward":
		return st.addForward(name, option, words)
	case "permitremoteopen":
		st.permitOpen.offer(named{from, line})
		return nil
	}
	if len(words) > 1 {
		return fmt.Errorf("%s: more than one value in %q", option, rest)
	}
	if len(words) == 0 || words[0] == "" {
		return fmt.Errorf("%s: %w", option, errEmpty)
	}
	value := words[0]
	switch name {
	case "hostname":
		st.hostName.offer(value)
	case "user":
		st.user.offer(value)
	case "port":
		return set(st.port.offer, option, value, parsePort)
	case "addressfamily":
		return set(st.family.offer, option, value, parseFamily)
	case "bindaddress":
		st.bindAddress.offer(value)
	case "bindinterface":
		st.bindInterface.offer(value)
	case "connecttimeout":
		return st.offerTime(&st.connectTimeout, option, value)
	case "serveraliveinterval":
		return st.offerTime(&st.aliveInterval, option, value)
	case "serveralivecountmax":
		return set(st.aliveCountMax.offer, option, value, parseCount)
	case "escapechar":
		return set(st.escape.offer, option, value, parseEscape)
	case "identityfile", "identityfile2":
		if value != "none" {
			l.Identity = append(l.Identity, value)
		}
	case "ignoreunknown":
		st.ignoreUnknown.offer(value)
	case "loglevel":
		return set(st.logLevel.offer, option, value, parseLogLevel)
	case "requesttty":
		return set(st.terminal.offer, option, value, parseTerminal)
	case "sessiontype":
		return set(st.session.offer, option, value, parseSession)
	case "refuseconnection":
		st.refuseConnection.offer(named{from, value})
	case "tunnel":
		return set(func(on string) { st.tunnel.offer(named{from, on}) }, option, value, parseTunnel)
	case "forwardagent":
		on, err := parseBool(value)
		st.agent.offer(on || err != nil) // anything else is the path of an agent's socket
	default:
		return set(st.flag(name).offer, option, value, parseBool)
	}
	return nil
}

// flag is where a yes or no goes.
func (st *settings) flag(name string) *first[bool] {
	switch name {
	case "batchmode":
		return &st.batchMode
	case "clearallforwardings":
		return &st.clearForwardings
	case "exitonforwardfailure":
		return &st.exitOnForwardFailure
	case "forkafterauthentication":
		return &st.background
	case "forwardx11":
		return &st.x11
	case "gatewayports":
		return &st.gatewayPorts
	case "permitlocalcommand":
		return &st.permitLocal
	case "proxyusefdpass":
		return &st.fdpass
	case "stdinnull":
		return &st.stdinNull
	}
	panic("sshopt: keyword " + name + " is in the table and nowhere else")
}

// addForward puts the two words of a forwarding keyword into the one that its letter takes.
func (st *settings) addForward(name, option string, words []string) error {
	if len(words) > 2 || name == "dynamicforward" && len(words) > 1 {
		return fmt.Errorf("%s: too many words", option)
	}
	if len(words) == 0 || words[0] == "" || name == "localforward" && len(words) < 2 {
		return fmt.Errorf("%s: needs an address to listen on, and one to connect to", option)
	}
	st.line.Forwards = append(st.line.Forwards, Forward{
		Kind: ForwardKind(name[0] - 'a' + 'A'),
		Spec: strings.Join(words, ":"),
		from: strings.TrimPrefix(option, "option "),
	})
	return nil
}
