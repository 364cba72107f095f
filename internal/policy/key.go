package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"rexec/hmacauth"
)

// OnLost says what happens to a command when its viewer is lost for good.
type OnLost string

const (
	OnLostDefault OnLost = ""       // the command's wish, else tree with pipes and hangup with a terminal
	OnLostTree    OnLost = "tree"   // the whole process tree ends
	OnLostHangup  OnLost = "hangup" // the terminal is hung up; what left its group lives on
	OnLostNone    OnLost = "none"   // nothing is signalled
)

// Survivors says what happens to what a command left running when it ended by
// itself.
type Survivors string

const (
	SurvivorsDefault Survivors = ""      // as SurvivorsLeave
	SurvivorsLeave   Survivors = "leave" // they live on, counted in the verdict
	SurvivorsKill    Survivors = "kill"  // the rest of the tree ends too
)

// Key is one [[key]] table of the ring: who may prove, and within which
// limits. The field's name in the file stands behind it. The zero value of a
// limit is no limit.
type Key struct {
	ID         string          // id: hmacauth.ValidateID holds
	Comment    string          // comment: for people; the only words that survive a rewrite
	Secret     hmacauth.Secret // secret: never zero in a ring
	NextSecret hmacauth.Secret // next_secret: as good as Secret while a rotation lasts; zero: none

	NotBefore time.Time      // not_before: the first moment the key is good
	Expires   time.Time      // expires: the first moment it is not
	Source    []netip.Prefix // source: addresses or networks clients must come from

	// User is whom commands run as when the client names nobody, and may
	// always be named. Empty: the first of Users, else the daemon's own user.
	User string // user
	// Users may be named beside User; "*" is everybody. Where only User is
	// given, it alone may be named; where neither is, everybody may.
	Users []string // users

	// Shell runs command lines, and is what a client gets that names no
	// command, instead of the daemon's setting and the user's own shell.
	Shell string // shell

	Commands []string // commands: patterns, see Pattern; no shell then, and no forwarding but Forward
	Command  string   // command: a shell line that runs whatever was asked for; no forwarding then but Forward
	// SFTPRoot is the folder that SFTP is held in and shows as "/"; not absolute: in the user's home. Beside it only
	// Commands and Forward may be asked for. Empty: all that the user may see, and no such limit.
	SFTPRoot   string   // sftp_root
	Forward    []string // forward: HOST:PORT that may be connected to, see ParseDestination; nil: all, unless other limits stand
	NoForward  bool     // no_forward: nothing may
	Env        []string // env: names or globs the client may set beside the usual ones
	NoTerminal bool     // no_terminal

	MaxSessions int           // max_sessions: at the same time
	MaxDuration time.Duration // max_duration: of one session
	IdleTimeout time.Duration // idle_timeout: without a byte either way
	OnLost      OnLost        // on_lost
	Survivors   Survivors     // survivors
}

// FromToken returns the key, without limits, that lets the holder of a token
// in. A lab token is refused: its master opens every host of the lab, so no
// host may hold it.
func FromToken(tok hmacauth.Token) (Key, error) {
	if tok.Kind == hmacauth.TokenLab {
		return Key{}, fmt.Errorf("token of key %q is a lab's master, which opens every host of the lab: "+
			"a daemon never holds it, give it the token of this host alone", tok.KeyID)
	}
	k := Key{ID: tok.KeyID, Secret: tok.Secret}
	return k, k.Validate()
}

// Limits of one key, so that no ring is a burden to whoever reads it.
const (
	maxText = 4096 // bytes in any text
	maxList = 256  // elements in any list
)

// Validate returns the first thing a ring would refuse the key for.
func (k Key) Validate() error {
	var first error
	k.check(func(field string, err error) {
		if first == nil {
			first = fmt.Errorf("%q %w", field, err)
		}
	})
	return first
}

// check reports everything that is wrong with a key by itself, by the field's
// name in the file.
func (k Key) check(report func(field string, err error)) {
	if err := hmacauth.ValidateID("key id", k.ID); err != nil {
		report("id", fmt.Errorf("is not allowed: %w", err))
	}
	if k.Secret.IsZero() {
		report("secret", errors.New("is missing"))
	}
	if k.Secret.Equal(k.NextSecret) && !k.Secret.IsZero() {
		report("next_secret", errors.New("is the same as secret"))
	}
	if !k.Expires.IsZero() && !k.NotBefore.IsZero() && !k.NotBefore.Before(k.Expires) {
		report("not_before", errors.New("is not before expires: the key would never be good"))
	}
	for field, t := range map[string]time.Time{"not_before": k.NotBefore, "expires": k.Expires} {
		if y := t.UTC().Year(); y < 1 || y > 9999 {
			report(field, fmt.Errorf("is in the year %d, want 1 to 9999", y))
		}
	}
	for _, p := range k.Source {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			report("source", fmt.Errorf("has %q in it, which is no network", p))
		}
	}
	checkList(report, "source", k.Source)
	checkList(report, "users", k.Users)
	checkList(report, "commands", k.Commands)
	checkList(report, "forward", k.Forward)
	checkList(report, "env", k.Env)
	for _, user := range append([]string{k.User}, k.Users...) {
		if strings.HasPrefix(user, "-") || strings.ContainsAny(user, "\t\n/:") {
			report("users", fmt.Errorf("has %.64q in it, which is no user name", user))
		}
	}
	if k.User == everybody {
		report("user", errors.New(`is "*": put that into users`))
	}
	for _, text := range k.Commands {
		if _, err := ParsePattern(text); err != nil {
			report("commands", fmt.Errorf("has %.200q in it, which %w", text, err))
		}
	}
	if k.Command != "" && k.Commands != nil {
		report("command", errors.New("replaces every command, so that commands says nothing: leave one of them out"))
	}
	if k.Command != "" && k.SFTPRoot != "" {
		report("sftp_root", errors.New("says nothing beside command, which replaces every command and SFTP too: leave one of them out"))
	}
	for _, text := range k.Forward {
		if _, err := ParseDestination(text); err != nil {
			report("forward", fmt.Errorf("has %.200q in it, which %w", text, err))
		}
	}
	if k.NoForward && k.Forward != nil {
		report("no_forward", errors.New("contradicts forward: leave one of them out"))
	}
	for _, name := range k.Env {
		if err := CheckEnv(name); err != nil {
			report("env", fmt.Errorf("has %.64q in it, which %w", name, err))
		}
	}
	checkText(report, "comment", k.Comment, "")
	checkText(report, "user", k.User, "")
	checkText(report, "shell", k.Shell, "")
	checkText(report, "command", k.Command, "\t\n")
	checkText(report, "sftp_root", k.SFTPRoot, "")
	for _, list := range []struct {
		field string
		texts []string
	}{{"users", k.Users}, {"commands", k.Commands}, {"forward", k.Forward}, {"env", k.Env}} {
		for _, text := range list.texts {
			if text == "" {
				report(list.field, errors.New("has an empty text in it"))
			}
			checkText(report, list.field, text, "")
		}
	}
	if k.MaxSessions < 0 {
		report("max_sessions", fmt.Errorf("is %d, want at least 1, or leave the line out", k.MaxSessions))
	}
	for field, d := range map[string]time.Duration{"max_duration": k.MaxDuration, "idle_timeout": k.IdleTimeout} {
		if d < 0 {
			report(field, errNotPositive(d))
		}
	}
	switch k.OnLost {
	case OnLostDefault, OnLostTree, OnLostHangup, OnLostNone:
	default:
		report("on_lost", fmt.Errorf("is %.64q, want tree, hangup or none", string(k.OnLost)))
	}
	switch k.Survivors {
	case SurvivorsDefault, SurvivorsLeave, SurvivorsKill:
	default:
		report("survivors", fmt.Errorf("is %.64q, want leave or kill", string(k.Survivors)))
	}
}

func errNotPositive(d time.Duration) error {
	return fmt.Errorf("is %v, want more than 0, or leave the line out", d)
}

// checkList refuses an empty list: it could mean nobody or everybody.
func checkList[T any](report func(string, error), field string, list []T) {
	if list != nil && len(list) == 0 {
		report(field, errEmpty)
	}
	if len(list) > maxList {
		report(field, fmt.Errorf("has %d elements, want at most %d", len(list), maxList))
	}
}

var errEmpty = errors.New("is empty, which could mean nothing or everything: fill it or leave the line out")

// checkText keeps out what could not be shown on one line; extra lists control
// characters that are welcome.
func checkText(report func(string, error), field, text, extra string) {
	if len(text) > maxText {
		report(field, fmt.Errorf("has a text of %d bytes, want at most %d", len(text), maxText))
		return
	}
	odd := func(r rune) bool {
		return (r == unicode.ReplacementChar || !unicode.IsPrint(r)) && !strings.ContainsRune(extra, r)
	}
	if i := strings.IndexFunc(text, odd); i >= 0 {
		report(field, fmt.Errorf("has a character in it that cannot be shown (%.10q)", text[i:]))
	}
}
