//go:build unix

package platform

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
	shadowFile = "/etc/shadow"

	// defaultShell is what an empty field means (passwd(5)).
	defaultShell = "/bin/sh"
)

// Users finds the accounts of this machine. The zero value is ready; its
// methods may be called from any goroutine.
type Users struct{ files accountFiles }

// Current is who this process runs as. An account that no data base
// knows gets its number as name and "/" as home.
func (d *Users) Current() (User, error) {
	uid := strconv.Itoa(unix.Geteuid())
	u, err := d.find(uid, func(f []string) bool { return f[2] == uid })
	var unknown user.UnknownUserError
	if err != nil && !errors.As(err, &unknown) {
		return User{}, err
	}
	if err != nil {
		u = User{Name: uid, UID: uint32(unix.Geteuid()), GID: uint32(unix.Getegid()), Home: "/", Shell: defaultShell}
	}
	groups, err := unix.Getgroups()
	if err != nil {
		return User{}, fmt.Errorf("platform: groups of user %q: %w", u.Name, err)
	}
	u.Groups = []uint32{u.GID}
	for _, g := range groups {
		u.Groups = add(u.Groups, uint32(g))
	}
	return u, nil
}

// Lookup finds an account by name: in /etc/passwd, then by what else the
// system asks (getent(1), bounded in time). An unknown name is an
// os/user.UnknownUserError.
func (d *Users) Lookup(name string) (User, error) {
	if name == "" || strings.ContainsAny(name, ":/\x00\n") || strings.HasPrefix(name, "-") {
		return User{}, user.UnknownUserError(name)
	}
	local := false
	if text, err := d.files.read(passwdFile); err == nil {
		_, local = passwdEntry(text, func(f []string) bool { return f[0] == name })
	}
	u, err := d.find(name, func(f []string) bool { return f[0] == name })
	if err != nil {
		return User{}, err
	}
	u.Groups = []uint32{u.GID}
	if text, err := d.files.read(groupFile); err == nil {
		for _, g := range groupsOf(text, name) {
			u.Groups = add(u.Groups, g)
		}
	}
	if !local {
		for _, g := range foreignGroups(name) {
			u.Groups = add(u.Groups, g)
		}
	}
	return u, nil
}

// find finds an account by key, a name or a number, that is selects. An
// unknown one is an os/user.UnknownUserError.
func (d *Users) find(key string, is func(fields []string) bool) (User, error) {
	text, err := d.files.read(passwdFile)
	if err != nil && !missing(err) { // out of descriptors, say: nobody is unknown for that
		return User{}, fmt.Errorf("platform: %w", err)
	}
	if u, ok := passwdEntry(text, is); ok {
		return u, nil
	}
	return foreignUser(key, is)
}

// passwdEntry finds the first line of passwd(5) that is selects.
func passwdEntry(text string, is func(fields []string) bool) (User, bool) {
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) != 7 || f[0] == "" || !is(f) {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue // a line that is "+" of NIS, or broken, is nobody's
		}
		u := User{Name: f[0], UID: uint32(uid), GID: uint32(gid), Home: f[5], Shell: f[6]}
		if u.Shell == "" {
			u.Shell = defaultShell
		}
		return u, true
	}
	return User{}, false
}

// groupsOf lists the groups of group(5) that name a user as a member.
func groupsOf(text, name string) []uint32 {
	var groups []uint32
	for line := range strings.Lines(text) {
		if !strings.Contains(line, name) { // most are dismissed without being taken apart
			continue
		}
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) != 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			groups = append(groups, uint32(gid))
		}
	}
	return groups
}

func add(groups []uint32, g uint32) []uint32 {
	if slices.Contains(groups, g) {
		return groups
	}
	return append(groups, g)
}

// MayLogin says why commands must not run as an account: its shell is one
// that refuses (nologin(8), false), or the account has expired (shadow(5),
// where it can be read). nil: nothing is known against it.
func (d *Users) MayLogin(u User) error {
	if u.ShellRefuses() {
		return fmt.Errorf("platform: user %q may not log in: the shell is %q", u.Name, u.Shell)
	}
	text, err := d.files.read(shadowFile)
	if err != nil {
		return nil
	}
	if day, ok := expiry(text, u.Name); ok && !time.Now().Before(day) {
		return fmt.Errorf("platform: account %q expired on %s", u.Name, day.Format(time.DateOnly))
	}
	return nil
}

// ShellRefuses reports whether the account's shell is one that runs nothing.
func (u User) ShellRefuses() bool {
	switch filepath.Base(u.Shell) {
	case "nologin", "false":
		return true
	}
	return false
}

// expiry is the day from which an account is not to be used any more.
func expiry(shadow, name string) (time.Time, bool) {
	for line := range strings.Lines(shadow) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) < 8 || f[0] != name {
			continue
		}
		days, err := strconv.Atoi(f[7])
		if err != nil {
			return time.Time{}, false
		}
		return time.Unix(0, 0).UTC().AddDate(0, 0, days), true
	}
	return time.Time{}, false
}

// Is reports whether name is this account's.
func (u User) Is(name string) bool { return u.Name == name }

// Login is the name as programs want it in USER and LOGNAME.
func (u User) Login() string { return u.Name }

// MayBecomeOthers reports whether a daemon of this user may run commands as
// other users.
func (u User) MayBecomeOthers() bool { return u.UID == 0 }
