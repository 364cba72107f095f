package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"rexec/client"
	"rexec/hmacauth"
	"rexec/internal/fleet"
	"rexec/internal/inventory"
	"rexec/internal/localterm"
	"rexec/internal/sshopt"
	"rexec/platform/text"
)

// many is one command line for many hosts while it is carried out.
type many struct {
	*invocation
	fleet.Run
	hosts    []fleet.Host     // all of them; Run has those that are to run
	entries  []inventory.Host // by their Index
	screen   *fleet.Screen
	style    fleet.Style
	pins     *pinbook
	retry    *retryFile // nil: none
	progress bool       // is to be shown
	restore  []func()   // what puts the terminal back
}

// runFleet is rexec with a node set in place of a host.
func (inv *invocation) runFleet(ctx context.Context) int {
	if err := fleetRefuses(inv.line, inv.opt, inv.trace); err != nil {
		return inv.fail(err)
	}
	inv.report.Host = ""
	m := &many{invocation: inv}
	defer func() {
		for _, f := range m.restore {
			f()
		}
	}()
	if err := m.prepare(); err != nil {
		return inv.fail(err)
	}
	prompt := inv.line.RemoteLine() == "" && inv.opt.fleet.systems == nil && localterm.Is(inv.std.in)
	switch {
	case inv.opt.fleet.dryRun:
		return m.dryRun()
	case len(m.Hosts) == 0:
		_ = m.screen.Say(m.retry.nothing())
		return 0
	case prompt:
		return m.prompt(ctx)
	}
	if err := m.confirm(); err != nil {
		return inv.fail(err)
	}
	signals, restore := catchSignals()
	defer restore()
	m.Signals = signals
	m.Guard = inv.guard(func() {})
	if err := m.askPassword(signals); err != nil {
		return m.unasked(err)
	}
	code, die := m.run(ctx)
	if die != nil {
		dieOf(die)
	}
	return code
}

// fleetRefuses says what one host can have and many cannot.
func fleetRefuses(line *sshopt.Line, opt options, trace func(string, ...any)) error {
	for _, u := range line.Unbuilt() {
		if u.Fatal {
			return errors.New(u.String())
		}
		trace("%v", u)
	}
	switch {
	case line.Terminal == sshopt.TerminalRequest || line.Terminal == sshopt.TerminalForce:
		return errors.New("options -t and -tt: many hosts cannot share one terminal: name one host")
	case line.NoCommand, line.Background, line.Subsystem, len(line.Listens) > 0:
		return errors.New("options -N, -f, -s, -W, -L and -D are for one host: name one")
	case line.HostName != "":
		return errors.New("option -o HostName would send all hosts to one address: give them addresses with rexec host")
	case opt.statusJSON != "":
		return errors.New("option --status-json is for one host: --json has the same object for each of many")
	}
	return nil
}

// prepare finds the hosts and sets up what is shown where.
func (m *many) prepare() error {
	opt, line, std := m.opt.fleet, m.line, m.std
	outTerm, errTerm := localterm.Is(std.out), localterm.Is(std.err)
	m.screen = fleet.NewScreen(std.out, std.err, outTerm, errTerm, m.report.Messages)
	m.style = fleet.Style{Colour: outTerm && errTerm && std.getenv("NO_COLOR") == "" && std.getenv("TERM") != "dumb",
		Align: outTerm, Quiet: m.report.Quiet}
	for _, f := range [...]*os.File{std.out, std.err} {
		if m.style.Colour {
			restore, ok := localterm.Styled(f)
			m.restore = append(m.restore, restore)
			m.style.Colour = ok
		}
	}
	m.progress = errTerm && !m.report.Quiet && !m.report.Verbose
	if err := m.findHosts(); err != nil {
		return err
	}
	if opt.retryFailed != "" {
		var err error
		if m.retry, err = readRetryFile(opt.retryFailed); err != nil {
			return err
		}
	}
	for _, h := range m.hosts {
		if m.retry.wants(h.Name) {
			m.Hosts = append(m.Hosts, h)
		}
	}
	m.Fanout, m.Canary, m.FailFast, m.Total = opt.fanout, opt.canary, opt.failFast, opt.total
	m.Verbatim, m.Text = opt.verbatim, m.opt.text
	m.style.Raw = m.opt.encoding == text.Raw
	m.Command = m.hostCommand
	for _, h := range m.Hosts { // all of them can be told what to run, before the first one is
		if _, err := m.Preview(h); err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	if !line.NoStdin && !localterm.Is(std.in) {
		m.Stdin = std.in
	}
	m.Say = func(format string, args ...any) { _ = m.screen.Say(fmt.Sprintf(format, args...)) }
	return nil
}

// findHosts expands the node set. A key that is many hosts' is read once.
func (m *many) findHosts() error {
	hosts, err := openInventory(m.opt.configDir, m.std, m.trace)
	if err != nil {
		return err
	}
	if m.entries, err = hosts.Expand(m.line.Host); err != nil {
		return err
	}
	given, from, err := m.identity(true)
	if err != nil {
		return err
	}
	m.pins = &pinbook{hosts: hosts, warn: func(err error) {
		if !m.report.Quiet {
			_ = m.screen.Say(err.Error())
		}
	}}
	keys := map[string]hmacauth.Token{}
	for i := range m.entries {
		m.defaults.fill(&m.entries[i])
		entry := m.entries[i]
		tok, known := keys[entry.Key]
		switch {
		case from != "":
			tok = given
		case !known || entry.Key == "":
			if tok, err = hosts.Token(entry); err != nil {
				return fmt.Errorf("host %s: %w", entry.Name, err)
			}
			keys[entry.Key] = tok
		}
		h, err := m.locateHost(hosts, entry, tok)
		if err != nil {
			return fmt.Errorf("host %s: %w", entry.Name, err)
		}
		if opt := m.opt.fleet.systems; opt != nil && len(entry.Shell) > 0 && entry.OS == "" {
			return fmt.Errorf("host %s has a shell of its own and no os in its entry, so which line is meant is not known: say its os there (linux, windows or darwin)", entry.Name)
		}
		h.Index = i
		m.hosts = append(m.hosts, h)
	}
	return nil
}

// locateHost is a host as the engine wants it.
func (m *many) locateHost(hosts *inventory.Inventory, entry inventory.Host, tok hmacauth.Token) (fleet.Host, error) {
	t, err := locate(entry, tok, m.line)
	if err != nil {
		return fleet.Host{}, err
	}
	t.cfg.ConnectTimeout = m.opt.connectTimeout
	t.cfg.Ping, t.cfg.PingCount = keepalive(m.line)
	t.cfg.TraceLevel = m.line.Verbose()
	if m.report.Verbose {
		t.cfg.Trace = func(format string, args ...any) { _ = m.screen.Say(t.name + ": " + fmt.Sprintf(format, args...)) }
	}
	if pin := hosts.Pin(t.name); pin != nil {
		t.cfg.Pin = pin
	}
	if t.cfg.Pin == nil {
		t.cfg.Pinned = func(pin [32]byte) { m.pins.note(t.name, pin) }
	}
	if m.opt.encoding != "" {
		t.encoding = m.opt.encoding
	}
	return fleet.Host{Name: t.name, Number: entry.Number(), Config: t.cfg, User: t.user, Encoding: t.encoding}, nil
}

// hostCommand is what the line says one host is to run.
func (m *many) hostCommand(ctx context.Context, c *client.Client, h fleet.Host) *client.Cmd {
	entry := m.entries[h.Index]
	cmd := m.command(ctx, c, target{user: h.User, shell: entry.Shell})
	switch line, named := m.opt.fleet.systems[entry.OS]; {
	case m.opt.fleet.systems == nil:
	case len(entry.Shell) == 0:
		cmd.Systems = m.opt.fleet.systems // the host knows best what it is
	case named:
		cmd.Argv = append(slices.Clone(entry.Shell), line)
	}
	return cmd
}

// run carries it out once and gives the exit code.
func (m *many) run(ctx context.Context) (code int, die os.Signal) {
	shown, err := m.view(m.opt.fleet.fold || m.Keep != nil)
	if err != nil {
		return m.fail(err), nil
	}
	defer shown.close()
	m.View = shown.view
	if err := m.retry.write(m.Hosts); err != nil {
		return m.fail(err), nil
	}
	m.Progress = &fleet.Progress{}
	if m.progress {
		m.Progress.Show(m.screen, func() int { return localterm.Width(m.std.err) })
	}
	results, die := m.Do(ctx)
	m.Progress.Hide()
	defer m.whileShowing()()
	m.pins.flush()
	m.usePins()
	var notOK []fleet.Host
	for _, r := range results {
		if r.State != fleet.OK {
			notOK = append(notOK, r.Host)
		}
	}
	code = fleet.ExitCode(results, m.opt.fleet.maxCode)
	err = m.retry.write(notOK)
	err = errors.Join(err, shown.finish(results, code))
	if !m.report.Quiet && (m.Keep == nil || code != 0) {
		for _, line := range fleet.Summary(results) {
			_ = m.screen.Say(line)
		}
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, fleet.ErrMuted) {
		return m.fail(err), die
	}
	return code, die
}

// usePins has hosts that were met for the first time show the same certificate from now on.
func (m *many) usePins() {
	for i := range m.Hosts {
		if cfg := &m.Hosts[i].Config; cfg.Pin == nil {
			cfg.Pin = m.pins.hosts.Pin(m.Hosts[i].Name)
		}
	}
}

// whileShowing has a signal end what a terminal that stands still may hold up: the whole program, or at the prompt, the
// first time, what is being shown. The function that it gives ends that.
func (m *many) whileShowing() func() {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case s := <-m.Signals:
				if m.Keep == nil || s != os.Interrupt {
					dieOf(s)
				}
				m.screen.Mute(true)
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-gone
		m.screen.Mute(false)
	}
}

// shown is how a run is shown, and what is to be done behind it.
type shown struct {
	view   fleet.View
	finish func(results []fleet.Result, exit int) error
	close  func()
}

func (m *many) view(fold bool) (*shown, error) {
	opt := m.opt.fleet
	s := &shown{finish: func([]fleet.Result, int) error { return nil }, close: func() {}}
	switch {
	case opt.json:
		j := fleet.NewJSON(m.screen)
		s.view = j
		s.finish = j.Finish
	case fold:
		store := fleet.NewStore()
		f := fleet.NewFold(m.screen, m.style, store)
		s.view, s.close = f, func() { _ = store.Close() }
		s.finish = func([]fleet.Result, int) error { return f.Show() }
	case opt.out != "":
		s.view = fleet.Nowhere{Live: fleet.NewLive(m.screen, m.style, m.Hosts)}
	default:
		s.view = fleet.NewLive(m.screen, m.style, m.Hosts)
	}
	// Files get what came, unless all is text.
	decode := func() { s.view = fleet.NewDecoded(s.view) }
	if !m.opt.text {
		decode()
	}
	if opt.out != "" {
		d, err := fleet.NewDir(opt.out, m.Hosts, s.view)
		if err != nil {
			return nil, fmt.Errorf("option --out: %w", err)
		}
		s.view = d
	}
	if m.opt.text {
		decode()
	}
	return s, nil
}

// pinbook notes the pins of first contacts, many at a time: the file is written whole.
type pinbook struct {
	hosts *inventory.Inventory
	warn  func(error)

	mu    sync.Mutex
	fresh map[string][]byte
}

func (b *pinbook) note(name string, pin [32]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fresh == nil {
		b.fresh = map[string][]byte{}
	}
	b.fresh[name] = pin[:]
}

// flush writes what was noted. A host whose pin changed under our eyes is named.
func (b *pinbook) flush() {
	b.mu.Lock()
	fresh := b.fresh
	b.fresh = nil
	b.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	if err := b.hosts.AddPins(fresh); err != nil {
		b.warn(fmt.Errorf("certificates are not noted: %w", err))
	}
}
