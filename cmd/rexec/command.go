package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/user"
	"slices"
	"syscall"
	"time"

	"rexec/client"
	"rexec/internal/inventory"
	"rexec/internal/invoke"
	"rexec/internal/localterm"
	"rexec/internal/sshopt"
)

// invocation is one command line while it is carried out.
type invocation struct {
	std      stdio
	line     *sshopt.Line
	opt      options
	report   invoke.Options
	defaults defaults

	local     *localterm.Terminal // nil: the command gets none
	connected func()              // to be called when the daemon has proved itself; nil: nobody waits for it
}

// runCommand is rexec [options] [user@]HOST [COMMAND...].
func runCommand(ctx context.Context, shape sshopt.Shape, args []string, std stdio) (code int) {
	connected, background := inBackground(&std)
	inv := invocation{std: std, report: invoke.Options{Stderr: std.err, SSHShape: shape == sshopt.SSH}, connected: connected}
	defer inv.crashed(&code)
	line, err := sshopt.Parse(shape, longOptions(), args)
	if err != nil {
		return inv.fail(err)
	}
	if code, done := inv.alone(line); done {
		return code
	}
	inv.line, inv.report.Host = line, line.Host
	if err := enoughDescriptors(); err != nil {
		if name, ok := line.LongLast("status-json"); ok {
			inv.report.Status = scarceStatus(name)
		}
		return inv.fail(err)
	}
	inv.report.Quiet, inv.report.Verbose = line.Quiet(), line.Verbose() > 0
	if line.LogFile != "" {
		f, err := os.OpenFile(line.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return inv.fail(fmt.Errorf("option -E: %w", err))
		}
		defer f.Close()
		inv.report.Messages = f
	}
	if shape == sshopt.SSH && line.Quiet() { // its errors too: the exit code is all that -q leaves of ssh itself
		inv.report.Messages = io.Discard
	}
	if inv.opt, err = readOptions(line, std); err != nil {
		return inv.fail(err)
	}
	if inv.opt.statusJSON != "" {
		f, err := openStatus(inv.opt.statusJSON)
		if err != nil {
			return inv.fail(fmt.Errorf("option --status-json: %w", err))
		}
		defer f.Close()
		inv.report.Status = f
	}
	if err := inv.settle(); err != nil {
		return inv.fail(err)
	}
	if line.PrintConfig {
		return inv.printConfig()
	}
	if line.NodeSet {
		return inv.runFleet(ctx)
	}
	if name := inv.opt.fleet.given; name != "" {
		return inv.fail(fmt.Errorf("option --%s is for many hosts, and %q is one: see Many hosts in rexec help", name, line.Host))
	}
	if err := unbuilt(line, inv.trace); err != nil {
		return inv.fail(err)
	}
	t, err := inv.target()
	if err != nil {
		return inv.fail(err)
	}
	if line.Background && !background {
		return inv.goBackground()
	}
	return inv.run(ctx, t)
}

// alone answers the options that need no host.
func (inv *invocation) alone(line *sshopt.Line) (code int, done bool) {
	if line.Version {
		fmt.Fprintln(inv.std.err, versionLine())
		return 0, true
	}
	if _, ok := line.LongLast("version"); ok {
		fmt.Fprintln(inv.std.out, versionLine())
		return 0, true
	}
	if _, ok := line.LongLast("help"); ok {
		fmt.Fprint(inv.std.out, helpText)
		return 0, true
	}
	if line.Query != "" {
		return inv.fail(fmt.Errorf("option -Q %q: there are no algorithms to choose from", line.Query)), true
	}
	return 0, false
}

// printConfig is -G: what other programs ask to find out whether this behaves like ssh.
func (inv *invocation) printConfig() int {
	line := inv.line
	name, host := line.User, line.Host
	bare := inventory.Host{Name: line.Host, Address: line.Host}
	inv.defaults.fill(&bare)
	_, port, err := bare.Endpoint()
	if err != nil {
		port = inventory.DefaultPort
	}
	if hosts, err := openInventory(inv.opt.configDir, inv.std, inv.trace); err == nil {
		if entry, err := hosts.Find(line.Host); err == nil {
			inv.defaults.fill(&entry)
			if h, p, err := entry.Endpoint(); err == nil {
				host, port = h, p
			}
			if name == "" {
				name = entry.User
			}
		}
	}
	for _, other := range []string{bare.User, inv.std.getenv("USER"), inv.std.getenv("LOGNAME"), accountName()} {
		if name == "" {
			name = other
		}
	}
	if line.HostName != "" {
		host = line.HostName
	}
	if line.Port != 0 {
		port = line.Port
	}
	fmt.Fprintf(inv.std.out, "host %s\nuser %s\nhostname %s\nport %d\n", line.Host, name, host, port)
	return 0
}

// accountName is this process's user's; empty: it has none.
func accountName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// unbuilt refuses what the line asks for and nothing here does.
func unbuilt(line *sshopt.Line, trace func(string, ...any)) error {
	for _, u := range line.Unbuilt() {
		if u.Fatal {
			return errors.New(u.String())
		}
		trace("%v", u)
	}
	return nil
}

func (inv *invocation) fail(err error) int {
	return invoke.Fail(err, inv.report)
}

// trace is a line of the story that -v tells.
func (inv *invocation) trace(format string, args ...any) {
	if inv.report.Verbose {
		inv.warn(format, args...)
	}
}

// warn is a line that no failure follows.
func (inv *invocation) warn(format string, args ...any) {
	w := inv.report.Messages
	if w == nil {
		w = inv.std.err
	}
	if inv.local != nil {
		w = inv.local.Lines(w)
	}
	fmt.Fprintln(w, invoke.Line("rexec: "+fmt.Sprintf(format, args...)))
}

// run connects and carries it out.
func (inv *invocation) run(ctx context.Context, t target) int {
	line := inv.line
	t.cfg.ConnectTimeout = inv.opt.connectTimeout
	t.cfg.Ping, t.cfg.PingCount = keepalive(line)
	t.cfg.Trace, t.cfg.TraceLevel, t.cfg.Connected = inv.trace, line.Verbose(), inv.connected
	terminal := inv.terminal()
	signals, restore := catchSignals()
	defer restore()
	t.cfg.Guard = inv.guard(func() {})
	if terminal != nil {
		inv.local, t.cfg.Guard = terminal.Local, inv.guard(terminal.Local.Restore)
		defer alsoCatch(signals, syscall.SIGABRT)() // it would leave the terminal raw
	}
	c := client.New(t.cfg)
	defer closeSoon(c)
	if line.Stdio != nil {
		return inv.forwardStdio(ctx, c, signals)
	}
	through, err := inv.forwards(ctx, c, t.cfg.Guard)
	defer through.close()
	if err != nil {
		return inv.fail(err)
	}
	if line.NoCommand {
		return inv.stay(ctx, c, signals)
	}
	opt := inv.report
	opt.Stdout, opt.Signals, opt.Text = inv.std.out, signals, inv.text(t)
	opt.Terminal, opt.Guard = terminal, t.cfg.Guard
	if inv.opt.statusJSON != "fd:1" { // the status comes after all else
		opt.CloseStdout = inv.std.out.Close
	}
	if !line.NoStdin {
		opt.Stdin = inv.std.in
	}
	code, die := invoke.Run(ctx, func(ctx context.Context) *client.Cmd { return inv.command(ctx, c, t) }, opt)
	if die != nil {
		closeSoon(c)
		dieOf(die)
	}
	through.drain(signals)
	return code
}

// text says which streams are text: those that end at a terminal here, or all where the line says so. A subsystem's never.
func (inv *invocation) text(t target) invoke.Text {
	std, all := inv.std, inv.opt.text
	txt := invoke.Text{Encoding: inv.opt.encoding, Typed: localterm.Is(std.in)}
	if txt.Encoding == "" {
		txt.Encoding = t.encoding
	}
	if inv.line.Subsystem {
		return txt
	}
	txt.In, txt.Out, txt.Err = all || txt.Typed, all || localterm.Is(std.out), all || localterm.Is(std.err)
	switch {
	case localterm.Is(std.err):
		txt.Bell = std.err
	case localterm.Is(std.out):
		txt.Bell = std.out
	}
	return txt
}

// command is what the line says is to run.
func (inv *invocation) command(ctx context.Context, c *client.Client, t target) *client.Cmd {
	line := inv.line
	cmd := c.Shell(ctx, "")
	switch {
	case inv.opt.argv:
		cmd.Argv = line.Command
	case line.Subsystem:
		cmd.Subsystem = line.RemoteLine()
	case len(t.shell) > 0 && line.RemoteLine() != "":
		cmd.Argv = append(slices.Clone(t.shell), line.RemoteLine())
	default:
		cmd.Line = line.RemoteLine()
	}
	cmd.Env, cmd.OfferEnv = inv.opt.env, offered(line, inv.std)
	cmd.Dir, cmd.User = inv.opt.cwd, t.user
	cmd.Timeout, cmd.Linger = inv.opt.timeout, inv.opt.linger
	if inv.report.SSHShape {
		cmd.Linger = client.LingerForever
	}
	return cmd
}

// closeTime bounds the goodbye to a peer that takes nothing any more.
const closeTime = time.Second

// closeSoon ends the connection once what was said is written.
func closeSoon(c *client.Client) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
}

// keepalive is ServerAliveInterval and ServerAliveCountMax as client.Config has them.
func keepalive(line *sshopt.Line) (ping time.Duration, count int) {
	const never = 1_000_000
	ping, count = line.ServerAliveInterval, line.ServerAliveCountMax
	if count < 0 {
		count = never
		if ping > 0 {
			count = int(min(never, int64(math.MaxInt64/2)/int64(ping)))
		}
	}
	return ping, count
}
