package sshopt

import (
	"errors"
	"fmt"
	"strings"
)

// letter applies one option letter, as the switch in ssh's main() does. Letters that change nothing here are the ones whose
// subject does not exist in rexec: what TLS decides (-C -c -m), other ways to prove who one is (-I -K -k), an ssh_config
// file (-F -P), syslog (-y), protocol 2 (-2).
func (st *settings) letter(c byte, value string) error {
	l := &st.line
	if value == "" && strings.IndexByte("DLRiQ", c) >= 0 {
		return fmt.Errorf("option -%c: %w", c, errEmpty)
	}
	switch c {
	case '2', 'C', 'c', 'm', 'I', 'K', 'k', 'F', 'P', 'y':
	case '1':
		return errors.New("option -1: there is no protocol version 1")
	case '4':
		st.family.force(FamilyIPv4)
	case '6':
		st.family.force(FamilyIPv6)
	case 'A', 'a':
		st.agent.force(c == 'A')
	case 'X', 'Y', 'x':
		st.x11.force(c != 'x')
	case 'B':
		st.bindInterface.force(value)
	case 'b':
		st.bindAddress.force(value)
	case 'D', 'L', 'R':
		l.Forwards = append(l.Forwards, Forward{ForwardKind(c), value, "-" + string(c)})
	case 'E':
		l.LogFile = value
	case 'e':
		return set(st.escape.force, "option -e", value, parseEscape)
	case 'f':
		st.background.force(true)
		st.stdinNull.force(true)
	case 'G':
		l.PrintConfig = true
	case 'g':
		st.gatewayPorts.force(true)
	case 'i':
		l.Identity = append(l.Identity, value)
	case 'J':
		if st.jump.set {
			return errors.New("option -J given twice; put several hops into one, with commas")
		}
		st.offerJump(named{"-J", value})
	case 'l':
		st.user.offer(value)
	case 'M':
		st.master = true
	case 'N':
		st.terminal.force(TerminalNever)
		return st.forceSession(sessionNone)
	case 'n':
		st.stdinNull.force(true)
	case 'O':
		if l.Stdio != nil {
			return errors.New("options -W and -O exclude each other")
		}
		st.muxCommand = named{"-O", value}
	case 'o':
		return st.keywordLine(value)
	case 'p':
		if !st.port.set { // ssh does not even look at a second one
			return set(st.port.offer, "option -p", value, parsePort)
		}
	case 'Q':
		l.Query = value
	case 'q':
		st.logLevel.force(LogQuiet)
	case 'S':
		st.controlPath = named{"-S", value}
	case 's':
		return st.forceSession(sessionSubsystem)
	case 'T':
		st.terminal.force(TerminalNever)
	case 't':
		if st.terminal.v == TerminalRequest {
			st.terminal.force(TerminalForce)
		} else {
			st.terminal.force(TerminalRequest) // a third -t asks again without force, in ssh too
		}
	case 'V':
		l.Version = true
	case 'v':
		st.moreVerbose()
	case 'W':
		return st.stdioForward(value)
	case 'w':
		st.tunnel.force(named{"-w", value})
	}
	return nil
}

// forceSession is -N and -s, which exclude each other and any other SessionType.
func (st *settings) forceSession(t sessionType) error {
	if st.session.set && st.session.v != t {
		return errors.New("options -N, -s, -W and SessionType exclude each other; give one of them")
	}
	st.session.force(t)
	return nil
}

// moreVerbose is -v: the first one sets the level whatever was said before, the others raise it.
func (st *settings) moreVerbose() {
	switch {
	case !st.verboseSeen:
		st.verboseSeen = true
		st.logLevel.force(LogDebug1)
	case st.logLevel.v < LogDebug3:
		st.logLevel.force(st.logLevel.v + 1)
	}
}

func (st *settings) stdioForward(value string) error {
	if st.line.Stdio != nil {
		return errors.New("option -W given twice")
	}
	if st.muxCommand.from != "" {
		return errors.New("options -W and -O exclude each other")
	}
	end, err := parseEndpoint(value)
	if err != nil {
		return fmt.Errorf("option -W: %w", err)
	}
	st.line.Stdio = &end
	st.terminal.force(TerminalNever)
	st.session.force(sessionNone)
	return nil
}

// offerJump keeps a jump host unless there is one or a proxy already: the two exclude each other, the first wins.
func (st *settings) offerJump(n named) {
	switch {
	case strings.EqualFold(n.value, "none"):
		st.jump.offer(n)
	case !st.jump.set && !st.proxyCommand.set:
		st.jump.offer(n)
		st.proxyCommand.offer(named{value: "none"})
	}
}

// set parses a value and hands it on, or says which option it was wrong for.
func set[T any](to func(T), option, value string, parse func(string) (T, error)) error {
	v, err := parse(value)
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	to(v)
	return nil
}
