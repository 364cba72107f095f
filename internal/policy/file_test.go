package policy

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
)

func TestEveryFieldIsRead(t *testing.T) {
	r := ringOf(t,
		`comment = "Zhang's laptop, 张"`, `not_before = 2026-01-01T00:00:00Z`, `expires = 2027-01-01T02:00:00+02:00`,
		`source = ["192.0.2.0/24", "2001:db8::1", "::ffff:198.51.100.4"]`, `user = "deploy"`, `users = ["root", "www"]`, `shell = "pwsh"`,
		`commands = ["uptime"]`, `env = ["TZ", "APP_*"]`, `no_terminal = true`, `max_sessions = 3`, `max_duration = "8h"`,
		`idle_timeout = "10m"`, `on_lost = "hangup"`, `survivors = "kill"`,
		`sftp_root = "/srv/数据"`, `forward = ["db.lab:5432"]`, `next_secret = "`+secretText(1)+`"`)
	k, ok := r.Key("k")
	require.True(t, ok)
	assert.Equal(t, "Zhang's laptop, 张", k.Comment)
	assert.True(t, k.NotBefore.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	assert.True(t, k.Expires.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
	assert.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("198.51.100.4/32"),
	}, k.Source)
	assert.Equal(t, "deploy", k.User)
	assert.Equal(t, []string{"root", "www"}, k.Users)
	assert.Equal(t, "pwsh", k.Shell)
	assert.Equal(t, []string{"uptime"}, k.Commands)
	assert.Equal(t, []string{"TZ", "APP_*"}, k.Env)
	assert.True(t, k.NoTerminal)
	assert.Equal(t, 3, k.MaxSessions)
	assert.Equal(t, 8*time.Hour, k.MaxDuration)
	assert.Equal(t, 10*time.Minute, k.IdleTimeout)
	assert.Equal(t, OnLostHangup, k.OnLost)
	assert.Equal(t, SurvivorsKill, k.Survivors)
	assert.True(t, k.NextSecret.Equal(secret(t, 1)))
	assert.Equal(t, "/srv/数据", k.SFTPRoot)
	assert.Equal(t, []string{"db.lab:5432"}, k.Forward)
	assert.True(t, ringOf(t, "no_forward = true").Keys()[0].NoForward)
	assert.Equal(t, "id2", ringOfID(t, "id2").Keys()[0].ID)
}

func ringOfID(t *testing.T, id string) *Ring {
	t.Helper()
	r, err := Parse([]byte(keyText(id, 0)))
	require.NoError(t, err)
	return r
}

func TestSem49_BadRingIsRefusedWithReasonAndLine(t *testing.T) {
	for line, want := range map[string]string{
		`expire = 2027-01-01T00:00:00Z`: `"expire" is not known here`,
		`expires = 2027-01-01`:          `"expires" is a date without a time`,
		`expires = "2027-01-01"`:        `"expires" is text, want a date`,
		`not_before = 2027-01-01T00:00Z` + "\nexpires = 2027-01-01T00:00:00Z": `"not_before" is not before expires: the key would never be good`,
		`source = "192.0.2.1"`:                            `"source" is text, want a list`,
		`source = []`:                                     `"source" is empty`,
		`source = ["192.0.2.1/24"]`:                       `"source" has "192.0.2.1/24" in it, whose address goes beyond the network: want 192.0.2.0/24`,
		`source = ["lab"]`:                                `"source" has "lab" in it, want an address or a network`,
		`source = ["fe80::1%eth0"]`:                       `"source" has "fe80::1%eth0" in it, want an address`,
		`source = ["::ffff:192.0.2.0/120"]`:               `"source" has "::ffff:192.0.2.0/120" in it, want an address`,
		`user = ""`:                                       `"user" is empty, which could mean nothing or everything`,
		`user = "*"`:                                      `"user" is "*": put that into users`,
		`users = []`:                                      `"users" is empty`,
		`users = [""]`:                                    `"users" has an empty text in it`,
		`users = ["-x"]`:                                  `"users" has "-x" in it, which is no user name`,
		`users = ["a\nb"]`:                                `"users" has "a\nb" in it, which is no user name`,
		`commands = []`:                                   `"commands" is empty`,
		`commands = ["a; b"]`:                             `"commands" has "a; b" in it, which has the operator ';' in it`,
		`commands = ["..."]`:                              `"commands" has "..." in it, which would let everything through`,
		`command = ""`:                                    `"command" is empty`,
		`command = "a\u0007"`:                             `"command" has a character in it that cannot be shown ("\a")`,
		"command = 'a'\ncommands = ['b']":                 `"command" replaces every command`,
		`sftp_root = ""`:                                  `"sftp_root" is empty`,
		"sftp_root = '/srv'\ncommand = 'a'":               `"sftp_root" says nothing beside command`,
		`forward = []`:                                    `"forward" is empty`,
		`forward = ["db"]`:                                `"forward" has "db" in it, which is not HOST:PORT`,
		`forward = [":22"]`:                               `"forward" has ":22" in it, which is not HOST:PORT`,
		`forward = ["db:022"]`:                            `"forward" has "db:022" in it, which has no port of 1 to 65535`,
		`forward = ["db:ssh"]`:                            `"forward" has "db:ssh" in it, which has no port of 1 to 65535`,
		"no_forward = true\nforward = ['db:1']":           `"no_forward" contradicts forward`,
		`env = ["PATH"]`:                                  `"env" has "PATH" in it, which no client may ever set`,
		`env = ["LD_*"]`:                                  `"env" has "LD_*" in it, which no client may ever set`,
		`env = ["A=B"]`:                                   `"env" has "A=B" in it, which is no name of a variable`,
		`max_sessions = 0`:                                `"max_sessions" is 0, want 1 to`,
		`max_sessions = -4`:                               `"max_sessions" is -4, want 1 to`,
		`max_sessions = 9223372036854775807`:              `"max_sessions" is 9223372036854775807, want 1 to`,
		`max_duration = "-1s"`:                            `"max_duration" is -1s, want more than 0`,
		`idle_timeout = "0s"`:                             `"idle_timeout" is 0s, want more than 0`,
		`idle_timeout = "soon"`:                           `"idle_timeout" is not a duration`,
		`on_lost = "kill"`:                                `"on_lost" is "kill", want tree, hangup or none`,
		`on_lost = ""`:                                    `"on_lost" is empty`,
		`survivors = "stay"`:                              `"survivors" is "stay", want leave or kill`,
		`next_secret = "` + secretText(0) + `"`:           `"next_secret" is the same as secret`,
		`next_secret = ""`:                                `"next_secret" is not good: secret has 0 characters`,
		`next_secret = "` + secretText(0)[1:] + `"`:       `"next_secret" is not good: secret has 42 characters`,
		`next_secret = "` + strings.Repeat("!", 43) + `"`: `"next_secret" is not good: secret is not base64url`,
		`comment = "` + strings.Repeat("x", 4097) + `"`:   `"comment" has a text of 4097 bytes, want at most 4096`,
		`comment = "` + "\u202e" + `"`:                    `"comment" has a character in it that cannot be shown`,
		`env = ["A"` + strings.Repeat(`,"A"`, 256) + `]`:  `"env" has 257 elements, want at most 256`,
	} {
		_, err := Parse([]byte(keyText("k", 0, line)))
		if assert.Error(t, err, line) {
			assert.Truef(t, strings.HasPrefix(err.Error(), "keyring.toml:3:1: "+want), "%s\ngives %v\nwant  %s", line, err, want)
			assert.NotContains(t, err.Error(), "\n", line)
		}
	}
}

func TestSem49_KeyWithoutIdOrSecretIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[[key]]\nsecret = '" + secretText(0) + "'":             `keyring.toml:1:3: "id" is not allowed: key id is empty`,
		"[[key]]\nid = 'Ops'\nsecret = '" + secretText(0) + "'": `keyring.toml:2:1: "id" is not allowed: key id "Ops" has 'O' in it`,
		"[[key]]\nid = 'k'": `keyring.toml:1:3: "secret" is missing`,
		"":                  `keyring.toml:1:1: no [[key]] in it`,
		"# only words":      `keyring.toml:1:1: no [[key]] in it`,
		"keys = 1":          `keyring.toml:1:1: "keys" says 1, but there are 0`,
		"keys = 1\n" + keyText("a", 1) + keyText("b", 2): `keyring.toml:1:1: "keys" says 1, but there are 2`,
		"key = 'x'":       `keyring.toml:1:1: "key" is text, want tables, each under a line [[key]]`,
		"[key]\nid = 'k'": `keyring.toml:1:2: "key" is a table, want tables`,

		"[[keys]]\n": `keyring.toml:1:3: "keys" is a list, want a whole number`,
	} {
		_, err := Parse([]byte(text))
		if assert.Error(t, err, text) {
			assert.Truef(t, strings.HasPrefix(err.Error(), want), "%s\ngives %v\nwant  %s", text, err, want)
		}
	}
	r, err := Parse([]byte("keys = 0\n"))
	require.NoError(t, err, "a ring that says it is empty may be")
	assert.Empty(t, r.Keys())
}

func TestSem49_DuplicatesAreRefused(t *testing.T) {
	next := func(n byte) string { return "next_secret = '" + secretText(n) + "'" }
	for name, c := range map[string]struct{ text, want string }{
		"id":                  {keyText("a", 1) + keyText("a", 2), `keyring.toml:5:1: "id" "a" is in the ring twice`},
		"secret":              {keyText("a", 1) + keyText("b", 1), `keyring.toml:6:1: "secret" is also a secret of key "a": every key needs its own`},
		"secret and next":     {keyText("a", 1, next(2)) + keyText("b", 2), `keyring.toml:7:1: "secret" is also a secret of key "a": every key needs its own`},
		"next and secret":     {keyText("a", 1) + keyText("b", 2, next(1)), `keyring.toml:6:1: "next_secret" is also a secret of key "a": every key needs its own`},
		"next and next":       {keyText("a", 1, next(3)) + keyText("b", 2, next(3)), `keyring.toml:7:1: "next_secret" is also a secret of key "a": every key needs its own`},
		"the same line twice": {keyText("a", 1, "user = 'x'", "user = 'y'"), `keyring.toml:4:1: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), c.want), err.Error())
		})
	}
}

func TestSem49_NoPartOfARingIsARing(t *testing.T) {
	ring, err := Parse([]byte(keyText("a", 1, "users = ['x']", "source = ['192.0.2.1']") + keyText("b", 2, "no_terminal = true")))
	require.NoError(t, err)
	whole := ring.Encode()
	for cut := range len(whole) - 1 { // without only the last newline it is still all there
		_, err := Parse(whole[:cut])
		require.Errorf(t, err, "cut at %d:\n%s", cut, whole[:cut])
	}
	_, err = Parse(whole)
	require.NoError(t, err)
}

func TestSem49_OverlongRingIsRefused(t *testing.T) {
	long := []byte(keyText("a", 1) + strings.Repeat("#\n", MaxSize/2))
	_, err := Parse(long)
	require.EqualError(t, err, "keyring.toml: is longer than 1048576 bytes")
	path := filepath.Join(t.TempDir(), "keyring.toml")
	require.NoError(t, secretfile.Write(path, long))
	_, err = Load(path)
	require.ErrorContains(t, err, "is longer than 1048576 bytes")
}

func TestSem49_NoErrorShowsASecret(t *testing.T) {
	text := secretText(1)
	for _, format := range []string{
		"[[key]]\nid = 'k'\nsecret = '%s", "[[key]]\nid = 'k'\nsecret = '%s'\nsecret = '%[1]s'", "[[key]]\nid = 'k'\nsecret = '%sx'",
		"[[key]]\nid = 'k'\nsecret = ['%s']", "[[key]]\nid = 'k'\nsecret = '%s'\nnext_secret = '%[1]s'", "[[key]]\nid = 'k'\nsecret = %s",
		"[[key]]\nid='a'\nsecret = '%s'\n[[key]]\nid='b'\nsecret = '%[1]s'",
	} {
		_, err := Parse(fmt.Appendf(nil, format, text))
		require.Error(t, err, format)
		assert.NotContains(t, err.Error(), text[:12], format)
	}
}

func TestLoadReadsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring.toml")
	_, err := Load(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "rexecd key add")

	require.NoError(t, secretfile.Write(path, ringOf(t, "user = 'x'").Encode()))
	r, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, "x", r.Keys()[0].User)

	require.NoError(t, secretfile.Write(path, []byte("x")))
	_, err = Load(path)
	require.ErrorContains(t, err, path+":1:", "the line has the file's own name")
}

// drawKey makes any key a ring accepts.
func drawKey(t *rapid.T, i int) Key {
	word := rapid.StringMatching(`[a-z"'\\#=\[\] é张]{1,12}`)
	name := rapid.StringMatching(`[a-zA-Z0-9_.\\é]{1,8}`)
	list := func(g *rapid.Generator[string], label string) []string {
		l := rapid.SliceOfN(g, 0, 3).Draw(t, label)
		if len(l) == 0 {
			return nil
		}
		return l
	}
	moment := func(from, to int, label string) time.Time {
		if rapid.Bool().Draw(t, label+"?") {
			return time.Time{}
		}
		return time.Date(rapid.IntRange(from, to).Draw(t, label), 2, 3, 4, 5, 6, 7000, time.UTC)
	}
	duration := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Min(0).Draw(t, "d")) })
	k := Key{
		ID:          fmt.Sprintf("k%d%s", i, rapid.StringMatching(`[a-z0-9._@-]{0,8}`).Draw(t, "id")),
		Comment:     rapid.StringMatching(`|[a-z"'\\é张 ]{1,9}`).Draw(t, "comment"),
		Secret:      hmacauth.NewSecret(),
		NotBefore:   moment(1900, 1999, "not before"),
		Expires:     moment(2000, 9999, "expires"),
		User:        rapid.OneOf(rapid.Just(""), name).Draw(t, "user"),
		Users:       list(name, "users"),
		Shell:       rapid.SampledFrom([]string{"", "pwsh", "/bin/b sh", `C:\Windows\cmd.exe`}).Draw(t, "shell"),
		Env:         list(rapid.StringMatching(`X[A-Z_*?]{1,8}`), "env"),
		NoTerminal:  rapid.Bool().Draw(t, "no terminal"),
		MaxSessions: rapid.IntRange(0, 1<<30).Draw(t, "sessions"),
		MaxDuration: duration.Draw(t, "max duration"),
		IdleTimeout: duration.Draw(t, "idle timeout"),
		OnLost:      rapid.SampledFrom([]OnLost{"", OnLostTree, OnLostHangup, OnLostNone}).Draw(t, "on lost"),
		Survivors:   rapid.SampledFrom([]Survivors{"", SurvivorsLeave, SurvivorsKill}).Draw(t, "survivors"),
	}
	switch rapid.IntRange(0, 2).Draw(t, "forward") {
	case 1:
		k.NoForward = true
	case 2:
		k.Forward = []string{"*.lab:22", "[::1]:*"}
	}
	if rapid.Bool().Draw(t, "next?") {
		k.NextSecret = hmacauth.NewSecret()
	}
	switch rapid.IntRange(0, 3).Draw(t, "command") {
	case 3:
		k.SFTPRoot = word.Draw(t, "sftp root")
	case 1:
		k.Command = word.Draw(t, "forced") + "\n\t" + word.Draw(t, "forced")
	case 2:
		k.Commands = []string{JoinWords(rapid.SliceOfN(word, 1, 4).Draw(t, "pattern"))}
	}
	for _, bits := range rapid.SliceOfN(rapid.IntRange(0, 32), 0, 3).Draw(t, "source") {
		addr := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "addr")))
		k.Source = append(k.Source, netip.PrefixFrom(addr, bits).Masked())
	}
	return k
}

func TestEncodedRingIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := &Ring{}
		for i := range rapid.IntRange(0, 4).Draw(t, "keys") {
			require.NoError(t, ring.Add(drawKey(t, i)))
		}
		data := ring.Encode()
		back, err := Parse(data)
		require.NoError(t, err, string(data))
		require.Equal(t, string(data), string(back.Encode()))
		for i, want := range ring.Keys() {
			got := back.Keys()[i]
			require.True(t, got.Secret.Equal(want.Secret) && got.NextSecret.Equal(want.NextSecret))
			require.True(t, got.Expires.Equal(want.Expires) && got.NotBefore.Equal(want.NotBefore))
			blank := func(k Key) Key {
				k.Secret, k.NextSecret = hmacauth.Secret{}, hmacauth.Secret{}
				k.Expires, k.NotBefore = time.Time{}, time.Time{}
				return k
			}
			require.Equal(t, blank(want), blank(got))
		}
	})
}

func FuzzWhatParsesIsReadBack(f *testing.F) {
	f.Add(keyText("a", 1, "source = ['10.0.0.0/8']", "commands = ['a *']", "expires = 2027-01-01T00:00:00Z"))
	f.Add("keys = 1\n" + keyText("b", 2, `command = "x\ty"`, `idle_timeout = "1h"`, "max_sessions = 1"))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse([]byte(text))
		if err != nil {
			return
		}
		data := r.Encode()
		if len(data) > MaxSize {
			return
		}
		back, err := Parse(data)
		require.NoError(t, err, string(data))
		require.Equal(t, string(data), string(back.Encode()))
	})
}
