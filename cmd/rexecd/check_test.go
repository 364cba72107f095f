package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	conf = "rexecd.toml"
	ring = "keyring.toml"
	// base is two good lines, so that what a case adds is line 3.
	base = "names = [\"box\"]\nlisten = [\"127.0.0.1:7522\"]\n"
	// secret is one of 32 bytes.
	secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	other  = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"
)

// broken are files that rexecd check must refuse, each at its place and with its reason.
var broken = []struct {
	name string // of the file
	text string
	want string // behind the folder
}{
	{conf, "listen = [\"127.0.0.1:7522\"]\n", `rexecd.toml:1:1: "names" must name this daemon at least once`},
	{conf, "names = [\"box\"]\n", `rexecd.toml:1:1: "listen" must name at least one address`},
	{conf, base + "nmaes = []\n", `rexecd.toml:3:1: "nmaes" is not known here, want one of accept_env advertise`},
	{conf, base + "path = \n", `rexecd.toml:3:8: `},
	{conf, base + "lang = \"C\"\nlang = \"C\"\n", `rexecd.toml:4:1: `},
	{conf, "names = [\"Big Box\"]\nlisten = [\"127.0.0.1:7522\"]\n", `rexecd.toml:1:1: "names" `},
	{conf, "names = \"box\"\nlisten = [\"127.0.0.1:7522\"]\n", `rexecd.toml:1:1: "names" is text, want a list of texts, as ["a", "b"]`},
	{conf, "names = [\"box\"]\nlisten = [\"127.0.0.1:0\"]\n", `rexecd.toml:2:1: "listen" address "127.0.0.1:0": the port must be 1 to 65535`},
	{conf, "names = [\"box\"]\nlisten = [\"[::1]:7522\", \"[::1]\"]\n", `rexecd.toml:2:1: "listen" address "[::1]": must be HOST:PORT`},
	{conf, "names = [\"box\"]\nlisten = [\"0.0.0.0\", \"0.0.0.0:7522\"]\n", `rexecd.toml:2:1: "listen" has 0.0.0.0:7522 twice`},
	{conf, "names = [\"box\"]\nlisten = [\":7522\", \"127.0.0.1\"]\n", `rexecd.toml:2:1: "listen" has :7522 beside 127.0.0.1:7522, and the one takes in the other: leave one out`},
	{conf, "names = [\"box\"]\nlisten = [\"[::1]:7522\", \"[::]:7522\"]\n", `rexecd.toml:2:1: "listen" has [::1]:7522 beside [::]:7522`},
	{conf, base + "metrics = \"127.0.0.1:7522\"\n", `rexecd.toml:3:1: "metrics" is 127.0.0.1:7522, which 127.0.0.1:7522 of listen has already: give it a port of its own`},
	{conf, "names = [\"box\"]\nlisten = [\":9752\"]\nmetrics = \"[::1]:9752\"\n", `rexecd.toml:3:1: "metrics" is [::1]:9752, which :9752 of listen has already`},
	{conf, "names = [\"box\"]\nlisten = [\"0.0.0.0 :7522\"]\n", `rexecd.toml:2:1: "listen" address "0.0.0.0 :7522": "0.0.0.0 " is neither an address nor the name of a host`},
	{conf, base + "advertise = \"box:99999\"\n", `rexecd.toml:3:1: "advertise" address "box:99999": the port must be 1 to 65535`},
	{conf, base + "shell = \"sh\"\n", `rexecd.toml:3:1: "shell" must be a whole path`},
	{conf, base + "path = \"\"\n", `rexecd.toml:3:1: "path" is empty: fill it or leave the line out`},
	{conf, base + "accept_env = [\"LD_PRELOAD\"]\n", `rexecd.toml:3:1: "accept_env" has "LD_PRELOAD" in it, which no client may ever set: leave it out`},
	{conf, base + "\n\nhandshake_timeout = \"10\"\n", `rexecd.toml:5:1: "handshake_timeout" is not a duration in quotes, as "90s" or "8h30m"`},
	{conf, base + "handshake_timeout = \"1ms\"\n", `rexecd.toml:3:1: "handshake_timeout" is 1ms, want 1s to 10m0s`},
	{conf, base + "unproved = 0\n", `rexecd.toml:3:1: "unproved" is 0, want 1 to 65536`},
	{conf, base + "unproved = \"many\"\n", `rexecd.toml:3:1: "unproved" is text, want a whole number`},
	{conf, base + "unproved = 10\nunproved_per_source = 20\n", `rexecd.toml:4:1: "unproved_per_source" makes unproved_per_source (20) more than unproved (10)`},
	{conf, base + "penalty_min = \"20m\"\n", `rexecd.toml:3:1: "penalty_min" makes penalty_min (20m0s) more than penalty_max (10m0s): nobody would be shut out`},
	{conf, base + "exempt = [\"10.0.0.1/8\"]\n", `rexecd.toml:3:1: "exempt" has "10.0.0.1/8" in it, whose address goes beyond the network: want 10.0.0.0/8`},
	{conf, base + "sessions = 5\nsessions_per_key = 6\n", `rexecd.toml:4:1: "sessions_per_key" is 6, more than sessions (5)`},
	{conf, base + "streams_per_connection = 40000\n", `rexecd.toml:3:1: "streams_per_connection" is 40000, want 1 to 32767`},
	{conf, base + "log_level = \"loud\"\n", `rexecd.toml:3:1: "log_level" is "loud", want one of info error warn debug`},
	{conf, base + "log_format = \"xml\"\n", `rexecd.toml:3:1: "log_format" is "xml", want one of auto text json`},
	{conf, base + "metrics = \"0.0.0.0:9752\"\n", `rexecd.toml:3:1: "metrics" is not a loopback address such as 127.0.0.1 or [::1]`},
	{conf, base + "metrics = \"127.0.0.1\"\n", `rexecd.toml:3:1: "metrics" is "127.0.0.1", want a loopback address and a port`},
	{conf, base + "[budgets]\nunproved = 3\n", `rexecd.toml:3:2: "budgets" is not known here`},

	{ring, "", `keyring.toml:1:1: no [[key]] in it: the file was cut short: put it back, or remove it and make a key with rexecd key add`},
	{ring, "keys = 2\n[[key]]\nid = \"a\"\nsecret = \"" + secret + "\"\n", `keyring.toml:1:1: "keys" says 2, but there are 1: the file was cut short, or the number needs a change`},
	{ring, "[[key]]\nid = \"a\"\n", `keyring.toml:1:3: "secret" is missing`},
	{ring, "[[key]]\nid = \"a\"\nsecret = \"short\"\n", `keyring.toml:3:1: "secret" is not good: `},
	{ring, "[[key]]\nid = \"A b\"\nsecret = \"" + secret + "\"\n", `keyring.toml:2:1: "id" is not allowed: `},
	{ring, "[[key]]\nid = \"a\"\nsecret = \"" + secret + "\"\n[[key]]\nid = \"a\"\nsecret = \"" + other + "\"\n", `keyring.toml:5:1: "id" `},
	{ring, "[[key]]\nid = \"a\"\nsecret = \"" + secret + "\"\n[[key]]\nid = \"b\"\nsecret = \"" + secret + "\"\n", `keyring.toml:6:1: "secret" `},
	{ring, "[[key]]\nid = \"a\"\nexpires = 2027-01-31\nsecret = \"" + secret + "\"\n", `keyring.toml:3:1: "expires" is a date without a time, want a date, time and time zone`},
	{ring, "[[key]]\nid = \"a\"\ncommands = []\nsecret = \"" + secret + "\"\n", `keyring.toml:3:1: "commands" is empty, which could mean nothing or everything`},
	{ring, "[[key]]\nid = \"a\"\non_lost = \"maybe\"\nsecret = \"" + secret + "\"\n", `keyring.toml:3:1: "on_lost" is "maybe", want tree, hangup or none`},
	{ring, "[[key]]\nid = \"a\"\nmax_sessions = 0\nsecret = \"" + secret + "\"\n", `keyring.toml:3:1: "max_sessions" is 0, want 1 to`},
	{ring, "[[key]\n", `keyring.toml:1:`},
	{"host.key", "-----BEGIN NOTHING-----\n", `host.key: not a host key: it must hold a PRIVATE KEY and its CERTIFICATE as PEM: put back the one that rexecd init made`},
}

func TestCheckNamesEachBrokenFileByLineAndReason(t *testing.T) {
	require.GreaterOrEqual(t, len(broken), 30)
	dir := state(t)
	require.Equal(t, said{0, "", "rexecd: the files are good: 1 key\n"}, rexecd(t, "check", "--state", dir))
	for _, b := range broken {
		t.Run(b.name+" "+b.want, func(t *testing.T) {
			good, err := os.ReadFile(filepath.Join(dir, b.name))
			require.NoError(t, err)
			write(t, dir, b.name, "", b.text)
			s := rexecd(t, "check", "--state", dir)
			assert.Equal(t, 1, s.code)
			assert.Empty(t, s.out)
			assert.Contains(t, s.err, "rexecd: ")
			assert.Contains(t, s.err, dir+"/"+b.want)
			assert.NotContains(t, s.err, secret[:12], "nothing secret")
			assert.Equal(t, 1, strings.Count(s.err, "\n"), "one line: %s", s.err)
			write(t, dir, b.name, "", string(good))
		})
	}
}

func TestCheckNamesAllFaultsOfAFileInItsOrder(t *testing.T) {
	dir := state(t)
	write(t, dir, conf, "", base+"unproved = 0\nlog_level = \"loud\"\nodd = 1\n")
	s := rexecd(t, "check", "--state", dir)
	lines := strings.Split(strings.TrimSuffix(s.err, "\n"), "\n")
	require.Len(t, lines, 3)
	for i, want := range []string{"rexecd.toml:3:1: ", "rexecd.toml:4:1: ", "rexecd.toml:5:1: "} {
		assert.Contains(t, lines[i], want)
	}
}

func TestEveryKeyOfTheConfigurationIsTaken(t *testing.T) {
	dir := state(t)
	write(t, dir, conf, "", base+`advertise = "box.example:7522"
accept_env = ["EDITOR", "MY_*"]
path = "/usr/bin:/bin"
shell = "/bin/sh"
lang = "C.UTF-8"
handshake_timeout = "20s"
unproved = 100
unproved_per_source = 10
penalty = "0s"
penalty_min = "1s"
penalty_max = "1m"
exempt = ["192.0.2.7", "2001:db8::/32"]
refuse_after = "100ms"
streams_per_connection = 10
sessions = 100
sessions_per_key = 5
grace = "2s"
away_limit = "1h"
shutdown_time = "1m"
log_level = "debug"
log_format = "json"
metrics = "[::1]:9752"
`)
	c, err := readConfig(filepath.Join(dir, conf))
	require.NoError(t, err)
	assert.Equal(t, "box.example:7522", c.Advertise)
	assert.Equal(t, 100, c.Budgets.Unproved)
	assert.Negative(t, c.Budgets.Penalty, "none")
	assert.Len(t, c.Budgets.Exempt, 2)
	assert.Equal(t, 5, c.SessionsPerKey)
	assert.Equal(t, "1m0s", c.ShutdownTime.String())
	assert.Equal(t, "debug", c.LogLevel.String())
	assert.Equal(t, "[::1]:9752", c.Metrics)
}

func TestAddressesThatStandBesideEachOtherAreGood(t *testing.T) {
	dir := state(t)
	write(t, dir, conf, "", `names = ["box"]
listen = ["0.0.0.0:7522", "[::]:7522", "127.0.0.1:7523", "[::1]:7523", "localhost:7524", ":7525"]
metrics = "127.0.0.1:9752"
`)
	assert.Equal(t, said{0, "", "rexecd: the files are good: 1 key\n"}, rexecd(t, "check", "--state", dir))
}

func TestCheckRefusesAnAuditFileThatServeWouldAndMakesNone(t *testing.T) {
	dir := state(t)
	folder := filepath.Join(t.TempDir(), "none", "yet")
	for _, c := range []struct {
		lines string
		want  string
	}{
		{"audit_file = '" + dir + "'\n", " (audit and audit_file in "},
		{"audit_file = '" + dir + "'\naudit = \"loose\"\n", ""},
		{"audit_file = '" + dir + "'\naudit = \"off\"\n", ""},
		{"audit_file = '" + filepath.Join(folder, "audit.log") + "'\n", ""},
	} {
		write(t, dir, conf, "", base+c.lines)
		s := rexecd(t, "check", "--state", dir)
		if c.want == "" {
			assert.Zero(t, s.code, s.err)
			continue
		}
		assert.Equal(t, 1, s.code, c.lines)
		assert.Contains(t, s.err, c.want)
	}
	assert.NoDirExists(t, filepath.Dir(folder))
}
