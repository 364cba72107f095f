package sshopt

import "time"

// settings is a line while it is being read. What is settled by "first value wins" waits in a first until the end.
type settings struct {
	shape Shape
	line  Line

	user, hostName, bindAddress, bindInterface first[string]
	port, aliveCountMax                        first[int]
	connectTimeout, aliveInterval              first[time.Duration]
	batchMode, stdinNull, background           first[bool]
	terminal                                   first[Terminal]
	session                                    first[sessionType]
	family                                     first[Family]
	logLevel                                   first[LogLevel]
	escape                                     first[escape]
	remoteCommand                              first[string]
	setEnv                                     first[[]string]
	ignoreUnknown                              first[string]
	verboseSeen                                bool

	clearForwardings, gatewayPorts, exitOnForwardFailure first[bool]

	// What listUnbuilt looks at; from is the name the user gave the option by.
	agent, x11, fdpass, permitLocal first[bool]
	tunnel, localCommand, jump      first[named]
	proxyCommand, permitOpen        first[named]
	refuseConnection                first[named]
	master                          bool
	muxCommand, controlPath         named
}

// first holds a value that may be given several times: -o offers, and the first offer wins; a letter forces.
type first[T any] struct {
	v   T
	set bool
}

func (f *first[T]) offer(v T) {
	if !f.set {
		f.v, f.set = v, true
	}
}

func (f *first[T]) force(v T) { f.v, f.set = v, true }

// named is a value with the option it came by, for messages.
type named struct{ from, value string }

// escape is an escape character, or none at all.
type escape struct {
	char byte
	off  bool
}

// sessionType is ssh_config's SessionType.
type sessionType uint8

const (
	sessionUnset     sessionType = 0
	sessionDefault   sessionType = 1
	sessionNone      sessionType = 2
	sessionSubsystem sessionType = 3
)
