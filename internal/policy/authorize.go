package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Kind says what a request wants.
type Kind string

const (
	KindExec   Kind = "exec"   // a command or a shell
	KindTCP    Kind = "tcp"    // a connection from here to somewhere
	KindListen Kind = "listen" // a listener here
	KindSFTP   Kind = "sftp"   // files, through the daemon's own SFTP server
)

// SFTPCommand is what KindSFTP runs, as a key's commands see it; a key with an SFTPRoot need not list it.
const SFTPCommand = "rexecd sftp-server"

// everybody, in a key's users, is any user.
const everybody = "*"

// Request is what somebody with a proved key asks for.
type Request struct {
	Kind Kind
	From netip.Addr

	User     string   // "": whoever the key says
	Argv     []string // the words to run; any bytes
	Line     string   // or a shell line
	Shell    bool     // or neither: a shell
	Terminal bool

	Address string // host:port that KindTCP connects to

	// Env are the variables that the client insists on: one that is not
	// allowed refuses the whole request. What may be dropped silently is
	// sifted with Grant.AllowEnv instead.
	Env []string
	// AcceptEnv are the names and globs of the daemon's configuration.
	AcceptEnv []string
}

// Grant is a yes: what to run, and the limits to hold it to.
type Grant struct {
	KeyID string
	User  string // "": the daemon's own
	// UserShell is the key's; empty: the daemon's setting, or the user's own.
	UserShell string

	// What to run: one of these, as in Request, whatever the request had. All
	// are zero for tcp and listen.
	Argv  []string
	Line  string
	Shell bool
	SFTP  bool // the daemon's own SFTP server, held in SFTPRoot
	// SFTPRoot is the key's; empty: no folder holds SFTP.
	SFTPRoot string
	// Forced says that Line is the key's own command; Original is then what
	// was asked for, for REXEC_ORIGINAL_COMMAND and SSH_ORIGINAL_COMMAND, ""
	// if that was a shell.
	Forced   bool
	Original string

	Terminal bool
	Env      []string // names and globs, of the key and the configuration

	MaxSessions int           // of this key at the same time; 0: no limit
	MaxDuration time.Duration // 0: no limit
	IdleTimeout time.Duration // 0: no limit
	Until       time.Time     // when the key expires and the session with it; zero: never
	OnLost      OnLost
	Survivors   Survivors
}

// AllowEnv reports whether the client may set the variable: see the function
// of the same name.
func (g Grant) AllowEnv(name string) bool { return AllowEnv(g.Env, name, g.Terminal) }

// Authorize judges one START or ATTACH. It looks at the ring anew, dates and
// source included, so that an edit holds from the next request on. The Grant
// counts only if the Refusal is nil.
func (r *Ring) Authorize(keyID string, req Request, now time.Time) (Grant, *Refusal) {
	if no := r.Admit(keyID, req.From, now); no != nil {
		return Grant{}, no
	}
	k, _ := r.Key(keyID)
	g := Grant{
		KeyID: k.ID, UserShell: k.Shell, Terminal: req.Terminal, Env: slices.Concat(k.Env, req.AcceptEnv),
		MaxSessions: k.MaxSessions, MaxDuration: k.MaxDuration, IdleTimeout: k.IdleTimeout,
		Until: k.Expires, OnLost: k.OnLost, Survivors: k.Survivors,
	}
	switch req.Kind {
	case KindTCP, KindListen:
		if no := k.forward(req); no != nil {
			return Grant{}, no
		}
		return g, nil
	case KindExec, KindSFTP:
	default:
		return Grant{}, refuse(RuleCommand, "%.64q is nothing a key can allow", string(req.Kind))
	}
	var no *Refusal
	if g.User, no = k.user(req.User); no != nil {
		return Grant{}, no
	}
	if req.Terminal && k.NoTerminal {
		return Grant{}, refuse(RuleTerminal, "key %q may not use a terminal: leave it out with -T", k.ID)
	}
	for _, name := range req.Env {
		switch {
		case g.AllowEnv(name):
		case forbiddenEnv(name):
			return Grant{}, refuse(RuleEnv, "environment variable %.64q is never taken from a client: leave it out", name)
		default:
			return Grant{}, refuse(RuleEnv, "environment variable %.64q is not allowed: "+
				"the key's env, or the daemon's configuration, has to name it", name)
		}
	}
	if no := k.command(req, &g); no != nil {
		return Grant{}, no
	}
	return g, nil
}

// RefuseUser is the no for a user that the key may not name, and, word for
// word, for one that does not exist: a key cannot find out who does.
func RefuseUser(name string) *Refusal {
	return refuse(RuleUser, "user %.64q does not exist or is not allowed with this key", name)
}

// user returns whom to run as, "" for the daemon's own user.
func (k Key) user(wanted string) (string, *Refusal) {
	if wanted == "" {
		if k.User == "" && k.Users != nil && k.Users[0] != everybody {
			return k.Users[0], nil
		}
		return k.User, nil
	}
	anybody := k.User == "" && k.Users == nil || slices.Contains(k.Users, everybody)
	if anybody || wanted == k.User || slices.Contains(k.Users, wanted) {
		return wanted, nil
	}
	return "", RefuseUser(wanted)
}

// command decides what runs and writes it into the grant.
func (k Key) command(req Request, g *Grant) *Refusal {
	argv := req.Argv
	if req.Kind == KindSFTP {
		argv = strings.Fields(SFTPCommand)
	}
	switch {
	case req.Shell && (len(argv) > 0 || req.Line != "") || len(argv) > 0 && req.Line != "":
		return refuse(RuleCommand, "the request names more than one thing to run")
	case k.Command != "":
		g.Forced, g.Line = true, k.Command
		g.Original = req.Line
		if len(argv) > 0 {
			g.Original = JoinWords(argv)
		}
		return nil
	case req.Kind == KindSFTP && (k.Commands == nil || k.SFTPRoot != ""):
		g.SFTP, g.SFTPRoot = true, k.SFTPRoot
		return nil
	case k.Commands == nil && k.SFTPRoot != "":
		return refuse(RuleCommand, "key %q may only transfer files, by SFTP (scp: without -O)", k.ID)
	case k.Commands == nil:
		g.Argv, g.Line, g.Shell = req.Argv, req.Line, req.Shell
		return nil
	case len(argv) == 0 && req.Line == "":
		return refuse(RuleCommand, "key %q may only run its commands, and no shell", k.ID)
	}
	shown := JoinWords(argv)
	if len(argv) == 0 {
		var err error
		shown = req.Line
		if argv, err = SplitLine(req.Line); err != nil {
			return refuse(RuleCommand, "command %.200q %v, and key %q runs its commands without a shell", shown, err, k.ID)
		}
	}
	fits := func(text string) bool {
		p, err := ParsePattern(text)
		return err == nil && p.Match(argv)
	}
	if !slices.ContainsFunc(k.Commands, fits) {
		return refuse(RuleCommand, "command %.200q is not one that key %q may run", shown, k.ID)
	}
	if g.SFTP = req.Kind == KindSFTP; !g.SFTP {
		g.Argv = slices.Clone(argv)
	}
	return nil
}
