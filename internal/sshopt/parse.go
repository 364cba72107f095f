package sshopt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Parse reads args, the words after the program's name. In the shape Rexec the long options of long are known too; in the
// shape SSH they are not looked at.
//
// An error is one line made for the user, without a prefix; it shows what was wrong, and the exit code is 255. Its words are
// never "Usage:" or "Bad configuration option", which Ansible looks for (DROPIN 2).
func Parse(shape Shape, long []LongOption, args []string) (*Line, error) {
	s := scanner{args: args, shape: shape, long: long}
	st := settings{shape: shape, line: Line{LogLevel: LogInfo, Escape: '~'}}
	alone, err := st.options(&s)
	if err != nil {
		return nil, err
	}
	if alone {
		return &st.line, nil
	}
	host, ok := s.take()
	if !ok {
		return nil, errors.New("no host given; see rexec help")
	}
	if err := st.takeHost(host); err != nil {
		return nil, err
	}
	if !s.ended {
		if alone, err = st.options(&s); err != nil {
			return nil, err
		}
	}
	if alone {
		return &st.line, nil
	}
	st.line.Command = slices.Clone(s.args)
	if err := st.settle(); err != nil {
		return nil, err
	}
	return &st.line, nil
}

// options applies options up to the next word. It reports true after one that stands alone.
func (st *settings) options(s *scanner) (alone bool, err error) {
	for {
		o, ok, err := s.next()
		if err != nil || !ok {
			return false, err
		}
		if o.long == nil {
			if err := st.letter(o.letter, o.value); err != nil {
				return false, err
			}
			if o.letter == 'V' || o.letter == 'Q' {
				return true, nil
			}
			continue
		}
		if _, given := st.line.LongLast(o.long.Name); given && !o.long.Repeat {
			return false, fmt.Errorf("option --%s given twice", o.long.Name)
		}
		st.line.Long = append(st.line.Long, LongValue{Name: o.long.Name, Value: o.value})
		if o.long.Alone {
			return true, nil
		}
	}
}

// settle checks what only the whole line tells, and moves the first-wins values into it.
func (st *settings) settle() error {
	l := &st.line
	l.User, l.Port, l.Terminal, l.Family = st.user.v, st.port.v, st.terminal.v, st.family.v
	l.NoStdin, l.Background, l.BatchMode = st.stdinNull.v, st.background.v, st.batchMode.v
	l.ConnectTimeout, l.ServerAliveInterval = st.connectTimeout.v, st.aliveInterval.v
	l.BindAddress, l.BindInterface = st.bindAddress.v, st.bindInterface.v
	l.SetEnv, l.GatewayPorts, l.ExitOnForwardFailure = st.setEnv.v, st.gatewayPorts.v, st.exitOnForwardFailure.v
	l.NoCommand, l.Subsystem = st.session.v == sessionNone, st.session.v == sessionSubsystem
	if st.logLevel.set {
		l.LogLevel = st.logLevel.v
	}
	if st.escape.set {
		l.Escape, l.EscapeOff = st.escape.v.char, st.escape.v.off
	}
	if l.ServerAliveCountMax = st.aliveCountMax.v; st.aliveCountMax.set && st.aliveCountMax.v == 0 {
		l.ServerAliveCountMax = -1
	}
	if st.clearForwardings.v {
		l.Forwards = nil
	}
	if st.user.set {
		if err := CheckUser(l.User); err != nil {
			return err
		}
	}
	if err := st.settleHostName(); err != nil {
		return err
	}
	if err := st.settleForwards(); err != nil {
		return err
	}
	if err := st.settleCommand(); err != nil {
		return err
	}
	l.unbuilt = st.listUnbuilt()
	return nil
}

func (st *settings) settleHostName() error {
	if !st.hostName.set {
		return nil
	}
	name, err := expand(st.hostName.v, map[byte]string{'h': st.line.Host})
	if err != nil {
		return fmt.Errorf("option -o HostName: %w", err)
	}
	st.line.HostName = unbracket(name)
	if err := checkHost(st.line.HostName, false); err != nil {
		return fmt.Errorf("option -o HostName: %w", err)
	}
	return nil
}

func (st *settings) settleCommand() error {
	l := &st.line
	line := l.RemoteLine()
	if st.remoteCommand.set && !strings.EqualFold(st.remoteCommand.v, "none") {
		var err error
		if l.RemoteCommand, err = expand(st.remoteCommand.v, nil); err != nil {
			return fmt.Errorf("option -o RemoteCommand: %w", err)
		}
	}
	switch {
	case l.Subsystem && len(l.Command) == 0:
		return errors.New("option -s needs the name of a subsystem behind the host, such as sftp")
	case l.RemoteCommand != "" && line != "":
		return fmt.Errorf("two commands: -o RemoteCommand=%q and %q", l.RemoteCommand, line)
	case l.Background && l.RemoteLine() == "" && !l.NoCommand:
		return errors.New("option -f cannot put a shell into the background; give a command, or -N")
	}
	return nil
}
