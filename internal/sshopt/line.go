package sshopt

import (
	"strings"
	"time"
)

// Shape says whose command line is read.
type Shape uint8

const (
	// Rexec is rexec's own: ssh's options, the caller's long options, and node sets in the place of the host.
	Rexec Shape = 0
	// SSH is what other programs write: ssh's options and one host, nothing else.
	SSH Shape = 1
)

// Terminal says when the remote side gets a terminal.
type Terminal uint8

const (
	TerminalAuto    Terminal = 0 // nothing said: with a shell, if stdin is a terminal
	TerminalNever   Terminal = 1 // -T, RequestTTY=no
	TerminalRequest Terminal = 2 // -t, RequestTTY=yes: also with a command, if stdin is a terminal
	TerminalForce   Terminal = 3 // -tt, RequestTTY=force: always
)

// Family restricts the addresses that may be dialled.
type Family uint8

const (
	FamilyAny  Family = 0
	FamilyIPv4 Family = 4 // -4, AddressFamily=inet
	FamilyIPv6 Family = 6 // -6, AddressFamily=inet6
)

// ForwardKind is the letter of a forwarding option.
type ForwardKind byte

const (
	ForwardLocal   ForwardKind = 'L'
	ForwardRemote  ForwardKind = 'R'
	ForwardDynamic ForwardKind = 'D'
)

// Forward is one -L, -R or -D, or its keyword.
type Forward struct {
	Kind ForwardKind
	Spec string // as written, not looked into: [bind:]port:host:hostport, [bind:]port, or paths
	from string // the option's name, for messages
}

// Endpoint is where -W connects stdin and stdout to.
type Endpoint struct {
	Host string // without brackets; empty if Path is set
	Port int    // 1..65535, 0 if Path is set
	Path string // a Unix socket on the remote side, else empty
}

// Line is a command line that has been read, every value settled: of an option given twice, the one that ssh would use.
// The zero value of a field means that nothing was said, unless its comment says more.
type Line struct {
	Host     string   // as typed, without user, port, and the brackets of an IPv6 address; empty only with Version, Query or a lone long option
	NodeSet  bool     // Rexec only: Host is a node set, not one name
	User     string   // -l, user@, ssh://user@, -o User: the first of them
	Port     int      // -p, ssh://:port, -o Port: the first of them; 1..65535
	HostName string   // where to dial in place of Host, %h and %% already replaced
	Command  []string // the words after the host; RemoteLine joins them

	RemoteCommand string // -o RemoteCommand, %% already replaced; never beside a command of Command

	Version     bool   // -V; nothing after it was read, as in ssh
	Query       string // -Q's argument; nothing after it was read
	PrintConfig bool   // -G

	Terminal   Terminal
	NoStdin    bool      // -n, -f, StdinNull
	NoCommand  bool      // -N, SessionType=none, -W
	Subsystem  bool      // -s, SessionType=subsystem: RemoteLine is its name
	Background bool      // -f, ForkAfterAuthentication
	Stdio      *Endpoint // -W; nil: not given

	LogLevel LogLevel // -v, -q, LogLevel
	LogFile  string   // -E
	// Escape is the character that begins a ~. at the start of a line; meaningful only if EscapeOff is false.
	Escape    byte
	EscapeOff bool // -e none

	Identity            []string      // -i and IdentityFile, in order
	BatchMode           bool          // never ask
	Family              Family        // -4, -6, AddressFamily
	BindAddress         string        // -b
	BindInterface       string        // -B
	ConnectTimeout      time.Duration // whole seconds
	ServerAliveInterval time.Duration // whole seconds
	ServerAliveCountMax int           // -1: given as 0, which means never give up

	SendEnv []string // patterns, see SendsEnv
	SetEnv  []string // NAME=VALUE; the first SetEnv only, of equal names the first

	Forwards             []Forward // -L -R -D in order; none under ClearAllForwardings
	Listens              []Listen  // -L and -D of them, read
	GatewayPorts         bool      // -g
	ExitOnForwardFailure bool

	// Long holds the caller's long options in the order given. Their values are as typed.
	Long []LongValue

	unbuilt []Unbuilt
}

// RemoteLine is the line for the remote user's shell, or the subsystem's name: the command's words joined with one space,
// no quoting added (DROPIN 3), else RemoteCommand. Empty means a shell was asked for; an empty command word means that too.
func (l *Line) RemoteLine() string {
	if line := strings.Join(l.Command, " "); line != "" {
		return line
	}
	return l.RemoteCommand
}

// WantsTerminal decides SEMANTICS 20 for a local stdin that is a terminal or is none.
func (l *Line) WantsTerminal(stdinIsTerminal bool) bool {
	switch {
	case l.NoCommand || l.Terminal == TerminalNever:
		return false
	case l.Terminal == TerminalForce:
		return true
	case l.NoStdin || !stdinIsTerminal:
		return false
	}
	return l.Terminal == TerminalRequest || l.RemoteLine() == ""
}

// Verbose counts -v, 0 to 3.
func (l *Line) Verbose() int { return max(0, int(l.LogLevel-LogVerbose)) }

// Quiet reports -q or a LogLevel below error messages: only the command's own output is wanted.
func (l *Line) Quiet() bool { return l.LogLevel <= LogFatal }

// SendsEnv reports whether a variable of that name is to be sent, by SendEnv's patterns.
func (l *Line) SendsEnv(name string) bool {
	for _, p := range l.SendEnv {
		if match(name, p) {
			return true
		}
	}
	return false
}

// LongValue is one long option as it was given.
type LongValue struct {
	Name  string
	Value string // empty for an option that takes none
}

// LongLast returns the last value given for a long option, and whether it was given at all.
func (l *Line) LongLast(name string) (string, bool) {
	for i := len(l.Long) - 1; i >= 0; i-- {
		if l.Long[i].Name == name {
			return l.Long[i].Value, true
		}
	}
	return "", false
}

// LongAll returns every value given for a long option, in order; nil if none was.
func (l *Line) LongAll(name string) []string {
	var all []string
	for _, v := range l.Long {
		if v.Name == name {
			all = append(all, v.Value)
		}
	}
	return all
}
