package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
	"rexec/internal/strictoml"
)

// MaxSize is the length of the largest ring file, in bytes.
const MaxSize = 1 << 20

// Load reads a ring file. It is refused whole, with the reason and where there
// is one the row and column, if anything about the file or in it is wrong.
func Load(path string) (*Ring, error) {
	data, err := secretfile.Read(path, MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key ring: %w: put it back, or make a key with rexecd key add", err)
	}
	if err != nil {
		return nil, fmt.Errorf("key ring: %w", err)
	}
	return parse(path, data)
}

// Parse reads the text of a ring, with "keyring.toml" as the file's name in
// errors, which are a strictoml.Problems.
func Parse(data []byte) (*Ring, error) { return parse("keyring.toml", data) }

func parse(file string, data []byte) (*Ring, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%s: is longer than %d bytes", file, MaxSize)
	}
	doc, err := strictoml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	ring, claims := &Ring{}, claims{}
	for _, t := range doc.Root.Tables("key") {
		k := readKey(t)
		k.check(t.Fail)
		claims.check(k, t.Fail)
		ring.keys = append(ring.keys, k)
	}
	count, n := doc.Root.Int("keys"), len(ring.keys)
	switch {
	case doc.Root.Has("keys") && count != int64(n):
		doc.Root.Fail("keys", fmt.Errorf("says %d, but there are %d: the file was cut short, or the number needs a change", count, n))
	case !doc.Root.Has("keys") && !doc.Root.Has("key"):
		doc.Root.Fail("", errors.New("no [[key]] in it: the file was cut short: put it back, or remove it and make a key with rexecd key add"))
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return ring, nil
}

func readKey(t *strictoml.Table) Key {
	k := Key{
		ID:          t.Text("id"),
		Comment:     t.Text("comment"),
		NotBefore:   t.Time("not_before"),
		Expires:     t.Time("expires"),
		Source:      readSource(t, "source"),
		User:        t.Text("user"),
		Users:       t.Texts("users"),
		Shell:       t.Text("shell"),
		Commands:    t.Texts("commands"),
		Command:     t.Text("command"),
		SFTPRoot:    t.Text("sftp_root"),
		Forward:     t.Texts("forward"),
		NoForward:   t.Bool("no_forward"),
		Env:         t.Texts("env"),
		NoTerminal:  t.Bool("no_terminal"),
		MaxDuration: t.Duration("max_duration"),
		IdleTimeout: t.Duration("idle_timeout"),
		OnLost:      OnLost(t.Text("on_lost")),
		Survivors:   Survivors(t.Text("survivors")),
		NextSecret:  readSecret(t, "next_secret"),
		Secret:      readSecret(t, "secret"),
	}
	const manySessions = 1 << 30 // fits an int everywhere
	sessions := t.Int("max_sessions")
	if t.Has("max_sessions") && (sessions < 1 || sessions > manySessions) {
		t.Fail("max_sessions", fmt.Errorf("is %d, want 1 to %d, or leave the line out", sessions, manySessions))
	} else {
		k.MaxSessions = int(sessions)
	}
	// What is absent is no limit. What is there and empty must not silently
	// mean the same.
	for field, empty := range map[string]bool{
		"comment": k.Comment == "", "source": k.Source == nil, "user": k.User == "", "users": k.Users == nil, "shell": k.Shell == "",
		"commands": k.Commands == nil, "command": k.Command == "", "env": k.Env == nil,
		"sftp_root": k.SFTPRoot == "", "forward": k.Forward == nil,
		"not_before": k.NotBefore.IsZero(), "expires": k.Expires.IsZero(),
		"on_lost": k.OnLost == "", "survivors": k.Survivors == "",
	} {
		if empty && t.Has(field) {
			t.Fail(field, errEmpty)
		}
	}
	for field, d := range map[string]time.Duration{"max_duration": k.MaxDuration, "idle_timeout": k.IdleTimeout} {
		if d == 0 && t.Has(field) {
			t.Fail(field, errNotPositive(d))
		}
	}
	return k
}

func readSecret(t *strictoml.Table, field string) hmacauth.Secret {
	if !t.Has(field) {
		t.Text(field) // known, all the same
		return hmacauth.Secret{}
	}
	secret, err := hmacauth.ParseSecret(t.Text(field))
	if err != nil {
		t.Fail(field, fmt.Errorf("is not good: %w", err))
	}
	return secret
}

func readSource(t *strictoml.Table, field string) []netip.Prefix {
	var source []netip.Prefix
	for _, text := range t.Texts(field) {
		prefix, err := ParseSource(text)
		if err != nil {
			t.Fail(field, fmt.Errorf("has %.64q in it, %w", text, err))
			continue
		}
		source = append(source, prefix)
	}
	return source
}

// ParseSource reads an address or a network, IPv4 or IPv6, without a zone. The
// error continues a sentence that has named the text.
func ParseSource(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("want an address or a network, as 192.0.2.7 or 2001:db8::/32")
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Errorf("whose address goes beyond the network: want %v", masked)
	}
	return prefix, nil
}

// Encode writes the ring as Parse reads it. A key's secret is its last line
// and the number of keys the first, so that no part of the file, cut off
// anywhere, is a ring: losing a limit loses the secret.
func (r *Ring) Encode() []byte {
	var b strings.Builder
	b.WriteString("# The key ring of rexecd. \"rexecd key\" rewrites it: of all comments only those\n" +
		"# written comment = \"...\" stay. Keep each key's secret last and the number right.\n")
	fmt.Fprintf(&b, "keys = %d\n", len(r.keys))
	for _, k := range r.keys {
		b.WriteString("\n[[key]]\n")
		k.encode(func(field, value string) { fmt.Fprintf(&b, "%s = %s\n", field, value) })
	}
	return []byte(b.String())
}

func (k Key) encode(line func(field, value string)) {
	text := func(field, value string) {
		if value != "" {
			line(field, strictoml.Quote(value))
		}
	}
	list := func(field string, values []string) {
		if len(values) > 0 {
			line(field, strictoml.QuoteList(values))
		}
	}
	moment := func(field string, t time.Time) {
		if !t.IsZero() {
			line(field, t.UTC().Format(time.RFC3339Nano))
		}
	}
	duration := func(field string, d time.Duration) {
		if d != 0 {
			line(field, strictoml.Quote(d.String()))
		}
	}
	text("id", k.ID)
	text("comment", k.Comment)
	moment("not_before", k.NotBefore)
	moment("expires", k.Expires)
	list("source", k.sourceTexts())
	text("user", k.User)
	list("users", k.Users)
	text("shell", k.Shell)
	list("commands", k.Commands)
	text("command", k.Command)
	text("sftp_root", k.SFTPRoot)
	list("forward", k.Forward)
	if k.NoForward {
		line("no_forward", "true")
	}
	list("env", k.Env)
	if k.NoTerminal {
		line("no_terminal", "true")
	}
	if k.MaxSessions != 0 {
		line("max_sessions", fmt.Sprint(k.MaxSessions))
	}
	duration("max_duration", k.MaxDuration)
	duration("idle_timeout", k.IdleTimeout)
	text("on_lost", string(k.OnLost))
	text("survivors", string(k.Survivors))
	text("next_secret", k.NextSecret.Reveal())
	text("secret", k.Secret.Reveal())
}

func (k Key) sourceTexts() []string {
	var texts []string
	for _, p := range k.Source {
		if p.IsSingleIP() {
			texts = append(texts, p.Addr().String())
		} else {
			texts = append(texts, p.String())
		}
	}
	return texts
}
