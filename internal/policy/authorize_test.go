package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ask authorizes a request against a ring of one key with the given lines.
func ask(t *testing.T, req Request, lines ...string) (Grant, *Refusal) {
	t.Helper()
	if req.Kind == "" {
		req.Kind = KindExec
	}
	req.From = anywhere
	return ringOf(t, lines...).Authorize("k", req, now)
}

func TestKeyWithoutLimitsAllowsWhatTheDaemonCan(t *testing.T) {
	for _, req := range []Request{
		{Argv: []string{"a", "\xff", ""}}, {Line: "a | b"}, {Shell: true, Terminal: true}, {User: "root", Line: "id"},
	} {
		g, no := ask(t, req)
		require.Nil(t, no)
		assert.Equal(t, Grant{
			KeyID: "k", User: req.User, Argv: req.Argv, Line: req.Line, Shell: req.Shell, Terminal: req.Terminal,
		}, g)
	}
	for _, kind := range []Kind{KindTCP, KindListen, KindSFTP} {
		g, no := ask(t, Request{Kind: kind})
		require.Nil(t, no)
		assert.Equal(t, Grant{KeyID: "k", SFTP: kind == KindSFTP}, g)
	}
}

func TestLimitsAreInTheGrant(t *testing.T) {
	g, no := ask(t, Request{Shell: true}, "max_sessions = 2", "max_duration = '8h'", "idle_timeout = '10m'",
		"on_lost = 'none'", "survivors = 'kill'")
	require.Nil(t, no)
	assert.Equal(t, Grant{
		KeyID: "k", Shell: true, MaxSessions: 2, MaxDuration: 8 * time.Hour, IdleTimeout: 10 * time.Minute,
		OnLost: OnLostNone, Survivors: SurvivorsKill,
	}, g)
}

func TestSem48_UserIsTheKeysOrOneItAllows(t *testing.T) {
	const no = "\x00refused"
	for _, c := range []struct {
		lines []string
		asked string
		want  string
	}{
		{nil, "", ""},
		{nil, "root", "root"},
		{[]string{"user = 'a'"}, "", "a"},
		{[]string{"user = 'a'"}, "a", "a"},
		{[]string{"user = 'a'"}, "root", no},
		{[]string{"users = ['a', 'b']"}, "", "a"},
		{[]string{"users = ['a', 'b']"}, "b", "b"},
		{[]string{"users = ['a', 'b']"}, "A", no},
		{[]string{"users = ['a', 'b']"}, "*", no},
		{[]string{"user = 'a'", "users = ['b']"}, "", "a"},
		{[]string{"user = 'a'", "users = ['b']"}, "a", "a"},
		{[]string{"user = 'a'", "users = ['b']"}, "b", "b"},
		{[]string{"user = 'a'", "users = ['b']"}, "root", no},
		{[]string{"user = 'a'", "users = ['*']"}, "root", "root"},
		{[]string{"users = ['*']"}, "", ""},
		{[]string{"users = ['*']"}, "x", "x"},
	} {
		for _, kind := range []Kind{KindExec, KindSFTP} {
			g, refusal := ask(t, Request{Kind: kind, User: c.asked}, c.lines...)
			if c.want == no {
				require.NotNil(t, refusal, "%v %q", c.lines, c.asked)
				assert.Equal(t, RefuseUser(c.asked), refusal, "the words are those for a user who does not exist")
				assert.Equal(t, Grant{}, g)
				continue
			}
			require.Nil(t, refusal, "%v %q", c.lines, c.asked)
			assert.Equal(t, c.want, g.User, "%v %q", c.lines, c.asked)
		}
	}
	assert.Equal(t, "user \"a\\x1b\\n\" does not exist or is not allowed with this key", RefuseUser("a\x1b\n").Text)
}

func TestSem48_CommandsAreTheOnlyOnesThatRun(t *testing.T) {
	lines := []string{`commands = ["uptime", "git-upload-pack *", "echo 'a b' ..."]`}
	for _, c := range []struct {
		req  Request
		want []string
	}{
		{Request{Argv: []string{"uptime"}}, []string{"uptime"}},
		{Request{Line: "uptime"}, []string{"uptime"}},
		{Request{Line: " 'up'\"time\" "}, []string{"uptime"}},
		{Request{Line: `git-upload-pack '/srv/a $b.git'`}, []string{"git-upload-pack", "/srv/a $b.git"}},
		{Request{Line: `git-upload-pack ''`}, []string{"git-upload-pack", ""}},
		{Request{Argv: []string{"git-upload-pack", "$(reboot)"}}, []string{"git-upload-pack", "$(reboot)"}},
		{Request{Line: `echo "a b" c d`}, []string{"echo", "a b", "c", "d"}},
	} {
		g, no := ask(t, c.req, lines...)
		require.Nil(t, no, "%v", c.req)
		assert.Equal(t, c.want, g.Argv)
		assert.Empty(t, g.Line, "no shell ever sees it")
		assert.False(t, g.Shell || g.Forced)
	}
	for want, req := range map[string]Request{
		`key "k" may only run its commands, and no shell`:                         {Shell: true},
		`command "uptime -p" is not one that key "k" may run`:                     {Line: "uptime -p"},
		`command "'up time'" is not one that key "k" may run`:                     {Argv: []string{"up time"}},
		`command "/usr/bin/uptime" is not one that key "k" may run`:               {Argv: []string{"/usr/bin/uptime"}},
		`command "git-upload-pack a b" is not one that key "k" may run`:           {Line: "git-upload-pack a b"},
		`command "rexecd sftp-server" is not one that key "k" may run`:            {Kind: KindSFTP},
		`key "k" may only run its commands, and forward nothing`:                  {Kind: KindTCP},
		`command " " has no words, and key "k" runs its commands without a shell`: {Line: " "},
		`command "uptime; id" has the operator ';' in it: put it in quotes if it is meant as text, ` +
			`and key "k" runs its commands without a shell`: {Line: "uptime; id"},
	} {
		g, no := ask(t, req, lines...)
		require.NotNil(t, no, want)
		assert.Equal(t, &Refusal{RuleCommand, want}, no)
		assert.Equal(t, Grant{}, g)
	}
	_, no := ask(t, Request{Kind: KindListen}, lines...)
	require.NotNil(t, no)
}

func TestSem48_SFTPIsACommandLikeAnother(t *testing.T) {
	g, no := ask(t, Request{Kind: KindSFTP}, `commands = ["rexecd sftp-server"]`)
	require.Nil(t, no)
	assert.Equal(t, Grant{KeyID: "k", SFTP: true}, g)
}

func TestSem48_SFTPRootHoldsSFTPInAndAllowsNothingElse(t *testing.T) {
	g, no := ask(t, Request{Kind: KindSFTP}, `sftp_root = "/srv"`)
	require.Nil(t, no)
	assert.Equal(t, Grant{KeyID: "k", SFTP: true, SFTPRoot: "/srv"}, g)
	for _, req := range []Request{
		{Line: "id"}, {Argv: []string{"id"}}, {Argv: []string{"rexecd", "sftp-server"}}, {Shell: true}, {Shell: true, Terminal: true},
		{Line: "scp -t /srv"}, {Kind: KindTCP, Address: "db:22"}, {Kind: KindListen},
	} {
		g, no = ask(t, req, `sftp_root = "/srv"`)
		require.NotNil(t, no, "%v", req)
		assert.Equal(t, RuleCommand, no.Rule)
		assert.Contains(t, no.Text, `key "k" may only transfer files`)
		assert.Equal(t, Grant{}, g)
	}
}

func TestSem48_SFTPRootStandsBesideCommands(t *testing.T) {
	lines := []string{`sftp_root = "/srv"`, `commands = ["uptime"]`}
	g, no := ask(t, Request{Kind: KindSFTP}, lines...)
	require.Nil(t, no)
	assert.Equal(t, Grant{KeyID: "k", SFTP: true, SFTPRoot: "/srv"}, g, "the list need not name it")
	g, no = ask(t, Request{Line: "uptime"}, lines...)
	require.Nil(t, no)
	assert.Equal(t, Grant{KeyID: "k", Argv: []string{"uptime"}}, g)
	_, no = ask(t, Request{Line: "id"}, lines...)
	require.NotNil(t, no)
}

func TestSem48_ForcedCommandReplacesEverything(t *testing.T) {
	lines := []string{`command = "backup --all"`}
	for _, c := range []struct {
		req      Request
		original string
	}{
		{Request{Shell: true, Terminal: true}, ""},
		{Request{Line: "rm -rf / &"}, "rm -rf / &"},
		{Request{Argv: []string{"rm", "a b", ""}}, "rm 'a b' ''"},
		{Request{Kind: KindSFTP}, "rexecd sftp-server"},
	} {
		g, no := ask(t, c.req, lines...)
		require.Nil(t, no)
		assert.Equal(t, Grant{
			KeyID: "k", Line: "backup --all", Forced: true, Original: c.original, Terminal: c.req.Terminal,
		}, g)
	}
	for _, kind := range []Kind{KindTCP, KindListen} {
		_, no := ask(t, Request{Kind: kind}, lines...)
		require.NotNil(t, no)
		assert.Equal(t, RuleCommand, no.Rule)
	}
}

func TestSem48_RequestWithTwoCommandsIsRefused(t *testing.T) {
	for _, lines := range [][]string{nil, {`commands = ["uptime"]`}, {`command = "x"`}} {
		for _, req := range []Request{
			{Argv: []string{"uptime"}, Line: "reboot"}, {Argv: []string{"uptime"}, Shell: true}, {Line: "uptime", Shell: true},
			{Kind: KindSFTP, Line: "uptime"},
		} {
			_, no := ask(t, req, lines...)
			assert.Equal(t, &Refusal{RuleCommand, "the request names more than one thing to run"}, no)
		}
	}
}

func TestSem48_NoTerminal(t *testing.T) {
	_, no := ask(t, Request{Shell: true, Terminal: true}, "no_terminal = true")
	assert.Equal(t, &Refusal{RuleTerminal, `key "k" may not use a terminal: leave it out with -T`}, no)
	_, no = ask(t, Request{Shell: true}, "no_terminal = true")
	assert.Nil(t, no)
}

func TestUnknownKindIsRefused(t *testing.T) {
	_, no := ask(t, Request{Kind: "x11\n"})
	assert.Equal(t, &Refusal{RuleCommand, `"x11\n" is nothing a key can allow`}, no)
}

func TestSem22_AVariableThatNobodyMayOpenHasItsOwnWords(t *testing.T) {
	_, no := ask(t, Request{Shell: true, Env: []string{"LD_PRELOAD"}})
	assert.Equal(t, &Refusal{RuleEnv, `environment variable "LD_PRELOAD" is never taken from a client: leave it out`}, no)
}

func TestSem22_InsistedVariableRefusesTheRequest(t *testing.T) {
	_, no := ask(t, Request{Shell: true, Env: []string{"LANG", "TZ"}})
	assert.Equal(t, &Refusal{RuleEnv, `environment variable "TZ" is not allowed: ` +
		`the key's env, or the daemon's configuration, has to name it`}, no)
	g, no := ask(t, Request{Shell: true, Env: []string{"LANG", "TZ", "APP_X"}, AcceptEnv: []string{"APP_*"}}, "env = ['TZ']")
	require.Nil(t, no)
	assert.True(t, g.AllowEnv("APP_Y") && g.AllowEnv("TZ"))
	assert.False(t, g.AllowEnv("TERM"))
}
