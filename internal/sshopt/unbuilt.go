package sshopt

import (
	"fmt"
	"strings"
)

// Unbuilt is an option that was understood and that nothing here does. A caller that builds one skips it by its Option.
type Unbuilt struct {
	Option string // the letter as typed or "-o Keyword"
	Value  string // empty for a letter without one
	Why    string // what is missing
	// Fatal: the line must not run, it would go another way or do something else than asked. Otherwise the command runs all
	// the same, only without it, and one warning is right, as ssh itself warns when a server refuses an agent.
	Fatal bool
}

// String is one line for the user.
func (u Unbuilt) String() string {
	if u.Value == "" {
		return fmt.Sprintf("option %s: %s", u.Option, u.Why)
	}
	return fmt.Sprintf("option %s %q: %s", u.Option, u.Value, u.Why)
}

// Unbuilt lists the options that the line asks for and that are not built, the fatal ones first. What was given and taken
// back (-A -a, ProxyCommand=none, -L under ClearAllForwardings) is not in it.
func (l *Line) Unbuilt() []Unbuilt { return l.unbuilt }

func (st *settings) listUnbuilt() []Unbuilt {
	var list []Unbuilt
	fatal := func(n named, why string) {
		if n.from != "" && !strings.EqualFold(n.value, "none") {
			list = append(list, Unbuilt{n.from, n.value, why, true})
		}
	}
	for _, f := range st.line.Forwards {
		if f.Kind == ForwardRemote {
			fatal(named{f.from, f.Spec}, "listening on the other side is not built yet")
		}
	}
	if w := st.line.Stdio; w != nil && w.Path != "" {
		fatal(named{"-W", w.Path}, errSocketPath.Error())
	}
	fatal(st.jump.v, "hops over other hosts are not built yet")
	fatal(st.proxyCommand.v, "connecting through another program is not built yet")
	if st.tunnel.v.value != "no" {
		fatal(st.tunnel.v, "there are no tunnel devices")
	}
	if st.bindAddress.set {
		fatal(named{"-b", st.bindAddress.v}, "choosing the source address is not built yet")
	}
	if st.bindInterface.set {
		fatal(named{"-B", st.bindInterface.v}, "choosing the interface is not built yet")
	}
	if st.fdpass.v {
		fatal(named{"-o ProxyUseFdpass", "yes"}, "connecting through another program is not built yet")
	}
	if st.permitLocal.v {
		fatal(st.localCommand.v, "local commands are not run")
	}
	if st.permitOpen.v.value != "any" {
		fatal(st.permitOpen.v, "limits of remote forwarding are not built yet")
	}
	fatal(st.refuseConnection.v, "the connection is refused by this option itself")
	fatal(st.muxCommand, "there are no shared connections to control")
	if st.master {
		fatal(named{from: "-M"}, "there are no shared connections")
	}
	if st.agent.v {
		list = append(list, Unbuilt{Option: "-A", Why: "there is no forwarding of agents; going on without"})
	}
	if st.x11.v {
		list = append(list, Unbuilt{Option: "-X", Why: "there is no forwarding of X11; going on without"})
	}
	if st.controlPath.from != "" && !strings.EqualFold(st.controlPath.value, "none") {
		list = append(list, Unbuilt{"-S", st.controlPath.value, "there are no shared connections; going on without", false})
	}
	return list
}
