package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"rexec/frame"
	"rexec/internal/link"
	"rexec/internal/policy"
	"rexec/platform"
	"rexec/platform/text"
	"rexec/session"
)

// exec serves one stream of kind exec: one command.
func (s *Server) exec(l *link.Link, st *link.Stream) {
	r := &record{Key: l.Peer.KeyID, Remote: l.Remote.String(), Began: time.Now()}
	_, _ = rand.Read(r.ID[:]) // never fails: it crashes the process instead
	ctx, end := context.WithCancelCause(s.ctx)
	defer end(nil)
	r.end = end

	key, _ := s.ring.Load().Key(r.Key)
	log := s.log.WithFields(logrus.Fields{"remote": l.Remote.String(), "key": r.Key, "session": r.name()})
	var watch sync.WaitGroup
	cfg := session.Config{
		Start: func(_ context.Context, start frame.Start) (session.Process, frame.Started, *session.Failure) {
			start, ok := start.For(runtime.GOOS) // before anything judges or records it
			var p session.Process
			var started frame.Started
			no := cannot(fmt.Sprintf("no command was given for %s, which this host runs", runtime.GOOS))
			if own, err := ownWords(start); err != nil {
				no = cannot(err.Error())
			} else if ok {
				p, started, no = s.startCommand(l, r, own)
			}
			if no != nil {
				s.noteFailure(l, r, start, no)
				return p, started, no
			}
			if start.Terminal != nil {
				st.SetTerminal()
			}
			if r.idle > 0 {
				watch.Go(func() { r.endWhenIdle(ctx, func() uint64 { return moved(st) }) })
			}
			return p, started, no
		},
		Grace:        s.settings().Grace,
		OnLost:       onLost(key.OnLost),
		EndSurvivors: key.Survivors == policy.SurvivorsKill,
		Report:       func(err error) { log.WithError(err).Warn("during a command") },
		Ended: func(v frame.Verdict) {
			s.noteEnded(l, r, v)
			log.WithFields(logrus.Fields{"kind": v.Kind.String(), "code": v.Code, "signal": v.Signal, "in": v.In, "out": v.Out,
				"err": v.Err, "survivors": v.Survivors, "wall": (time.Duration(v.Wall) * time.Microsecond).String(), "reason": v.Reason}).Info("command ended")
		},
	}
	session.Serve(ctx, st, cfg)
	end(nil)
	watch.Wait()
	r.entry.end()
	for _, t := range r.timers {
		t.Stop()
	}
	s.sess.remove(r)
}

// startCommand is the one choke point between a request and a process: the ring decides, the registry and the audit log
// know of it, and only then platform starts it.
func (s *Server) startCommand(l *link.Link, r *record, start frame.Start) (session.Process, frame.Started, *session.Failure) {
	none := frame.Started{}
	grant, no := s.authorize(l, r, start)
	if no == nil && start.Subsystem != "" && start.Subsystem != subsystemSFTP {
		no = &policy.Refusal{Rule: policy.RuleCommand, Text: fmt.Sprintf("this daemon has no subsystem %.64q, only %s", start.Subsystem, subsystemSFTP)}
	}
	if no != nil {
		return nil, none, s.refuse(l, r, no)
	}
	user, fail := s.user(l, r, grant)
	if fail != nil {
		return nil, none, fail
	}
	if shell := cmp.Or(grant.UserShell, s.settings().Shell); shell != "" {
		if err := platform.CheckShell(shell); err != nil {
			return nil, none, unable(fmt.Sprintf("its shell %q %v: tell its administrator", shell, err))
		}
		user.Shell = shell
	}
	if len(grant.Argv) == 0 && !grant.SFTP && user.ShellRefuses() {
		return nil, none, cannot(fmt.Sprintf("the shell of user %q is %s, which runs nothing: have the daemon's administrator set shell in rexecd.toml, or use --argv", user.Name, user.Shell))
	}
	started := frame.Started{Session: r.ID[:], OS: runtime.GOOS, Epoch: 1}
	dir := start.Cwd
	if dir == "" {
		dir = user.Home
		if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
			started.Note = fmt.Sprintf("no home folder %q, started in %c", dir, filepath.Separator)
			dir = string(filepath.Separator)
		}
	} else if !filepath.IsAbs(dir) {
		dir = filepath.Join(user.Home, dir)
	}
	var sftp []string
	if grant.SFTP {
		if sftp, fail = s.sftpServer(grant, user, &dir); fail != nil {
			return nil, none, fail
		}
	}
	env, err := s.environment(start, grant, user, r.name(), l.Local, l.Remote)
	if err != nil {
		return nil, none, unable(fmt.Sprintf("it cannot build an environment: %v", err))
	}
	spec := platform.Spec{
		ID:      r.name(),
		Env:     env,
		Dir:     dir,
		User:    &user,
		NoStdin: start.NoStdin,
	}
	if t := start.Terminal; t != nil {
		spec.Terminal = &platform.Terminal{Rows: t.Size.Rows, Cols: t.Size.Cols, XPix: t.Size.XPix, YPix: t.Size.YPix, Modes: t.Modes, Variable: "SSH_TTY"}
		if spec.Encoding() != text.UTF8 {
			spec.Terminal.Modes = withoutUTF8(t.Modes)
		}
	}
	switch {
	case grant.SFTP:
		spec.Path, spec.Argv = s.cfg.SFTPServer, sftp
	case len(grant.Argv) > 0:
		spec.Argv = grant.Argv
	case grant.Line != "":
		started.Shell = user.Shell
		spec.RunLine(user.Shell, grant.Line)
	default:
		started.Shell = user.Shell
		spec.RunShell(user.Shell)
	}

	r.User, r.Request = user.Name, start.Request
	key, _ := s.ring.Load().Key(r.Key)
	no = s.sess.enter(r, key, s.settings())
	if no == nil { // again, for a key that was removed before the registry knew whom to end
		no = s.ring.Load().Admit(r.Key, source(l.Remote), time.Now())
	}
	if no != nil {
		return nil, none, s.refuse(l, r, no)
	}
	if lost := start.OnLost; lost != frame.OnLostNone && !(lost == frame.OnLostDefault && grant.OnLost == policy.OnLostNone) {
		if r.entry, err = s.spool.begin(spec.ID, s.cfg.Trees.Folder(spec.ID)); err != nil {
			return nil, none, unable(err.Error() + ": tell its administrator")
		}
	}
	if fail := s.accept(l, r, start, grant, dir); fail != nil {
		return nil, none, fail
	}
	p, err := platform.Start(s.cfg.Trees, spec)
	if err != nil {
		return nil, none, startFailure(err)
	}
	// Also with a folder: what root moves out of it is found by the leader's session.
	if err := r.entry.started(p.Pid()); err != nil {
		s.log.WithError(err).WithField("pid", p.Pid()).Warn("cannot record a command; a killed daemon would find it by its environment")
	}
	if grant.MaxDuration > 0 {
		r.endAfter(grant.MaxDuration, fmt.Sprintf("key %q allows a session %v", r.Key, grant.MaxDuration))
	}
	r.idle = grant.IdleTimeout
	if !grant.Until.IsZero() {
		r.endAfter(time.Until(grant.Until), fmt.Sprintf("key %q expired", r.Key))
	}
	r.pid.Store(int64(p.Pid()))
	s.started.Add(1)
	started.Pid, started.Encoding = int64(p.Pid()), spec.Encoding()
	started.Containment = containment(p.Containment())
	s.log.WithFields(logrus.Fields{"remote": l.Remote.String(), "key": r.Key, "session": r.name(), "user": user.Name, "pid": p.Pid()}).Info("command started")
	return process{p}, started, nil
}

func (s *Server) refuse(l *link.Link, r *record, no *policy.Refusal) *session.Failure {
	s.logRefused(l, r, string(no.Rule), nil)
	return &session.Failure{Kind: frame.Refused, Reason: no.Text}
}

// logRefused notes the rule too. err is what the client is not told; nil: nothing.
func (s *Server) logRefused(l *link.Link, r *record, rule string, err error) {
	r.rule = rule
	log := s.log.WithFields(logrus.Fields{"remote": l.Remote.String(), "key": r.Key, "session": r.name(), "rule": rule})
	if err != nil {
		log = log.WithError(err)
	}
	log.Warn("command refused")
}

// authorize asks the ring as it is now.
func (s *Server) authorize(l *link.Link, r *record, start frame.Start) (policy.Grant, *policy.Refusal) {
	ring := s.ring.Load()
	now := time.Now()
	from := source(l.Remote)
	if no := ring.Admit(r.Key, from, now); no != nil {
		return policy.Grant{}, no
	}
	req := policy.Request{
		Kind: policy.KindExec, From: from, User: start.User, Argv: start.Argv, Line: start.Line,
		Shell:    len(start.Argv) == 0 && start.Line == "" && start.Subsystem == "",
		Terminal: start.Terminal != nil, Env: names(start.Env), AcceptEnv: s.settings().AcceptEnv,
	}
	if start.Subsystem == subsystemSFTP {
		req.Kind = policy.KindSFTP
	}
	grant, no := ring.Authorize(r.Key, req, now)
	if no != nil {
		return policy.Grant{}, no
	}
	return grant, nil
}

// subsystemSFTP is the one subsystem there is (sshd_config(5), Subsystem).
const subsystemSFTP = "sftp"

// sftpServer gives the words that start the daemon's own SFTP server. Where the key names a folder, that is dir too.
func (s *Server) sftpServer(grant policy.Grant, user platform.User, dir *string) ([]string, *session.Failure) {
	if s.cfg.SFTPServer == "" {
		return nil, cannot("this daemon has no SFTP server")
	}
	argv := strings.Fields(policy.SFTPCommand)
	if root := grant.SFTPRoot; root != "" {
		if !filepath.IsAbs(root) {
			root = filepath.Join(user.Home, root)
		}
		*dir = root
		argv = append(argv, "--root", root)
	}
	return argv, nil
}

// user finds whom to run as. One that does not exist and one that is not allowed read the same.
func (s *Server) user(l *link.Link, r *record, grant policy.Grant) (platform.User, *session.Failure) {
	own, err := s.users.Current()
	if err != nil {
		return own, unable(fmt.Sprintf("it does not know its own user: %v", err))
	}
	if grant.User == "" || own.Is(grant.User) {
		return own, nil
	}
	u, err := s.users.Lookup(grant.User)
	var unknown osuser.UnknownUserError
	switch {
	case err != nil && !errors.As(err, &unknown):
		return u, unable(fmt.Sprintf("it cannot look up users: %v", err))
	case err == nil && !own.MayBecomeOthers():
		err = errors.New("only a daemon that runs as root can run commands as others, and none on Windows")
	case err == nil:
		err = s.users.MayLogin(u)
	}
	if err != nil {
		s.logRefused(l, r, string(policy.RuleUser), err)
		return u, &session.Failure{Kind: frame.Refused, Reason: policy.RefuseUser(grant.User).Text}
	}
	return u, nil
}

func cannot(reason string) *session.Failure {
	return &session.Failure{Kind: frame.StartFailed, Code: 126, Reason: reason}
}

// unable is a failure that has nothing to do with the command: no other would start either.
func unable(reason string) *session.Failure {
	return &session.Failure{Kind: frame.StartFailed, Code: 255, Reason: reason}
}

func startFailure(err error) *session.Failure {
	f := cannot(err.Error())
	var se *platform.StartError
	if errors.As(err, &se) {
		f.Reason = se.Reason
		switch {
		case se.NotFound:
			f.Code = 127
		case se.Exhausted:
			f = unable(se.Reason)
		}
	}
	return f
}

func containment(name string) frame.Containment {
	switch name {
	case "cgroup":
		return frame.ContainCgroup
	case "job":
		return frame.ContainJob
	}
	return frame.ContainGroup
}

func onLost(o policy.OnLost) frame.OnLost {
	switch o {
	case policy.OnLostTree:
		return frame.OnLostTree
	case policy.OnLostHangup:
		return frame.OnLostHangup
	case policy.OnLostNone:
		return frame.OnLostNone
	}
	return frame.OnLostDefault
}

// process is a platform.Process in the shape that session asks for.
type process struct{ *platform.Process }

func (p process) Stdout() session.Output { return p.Process.Stdout() }

func (p process) Stderr() session.Output {
	if e := p.Process.Stderr(); e != nil {
		return e
	}
	return nil
}
