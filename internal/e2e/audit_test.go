//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/hmacauth"
)

// auditLine is one event as a reader of the log sees it.
type auditLine map[string]any

func (p *program) auditFile() string { return filepath.Join(p.state, "audit.log") }

// auditLines reads a log, every line of which must be one object.
func auditLines(t *testing.T, path string) []auditLine {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []auditLine
	for line := range strings.Lines(string(text)) {
		var l auditLine
		require.NoError(t, json.Unmarshal([]byte(line), &l), "%q", line)
		all = append(all, l)
	}
	return all
}

// audited is the events of one kind, in the order they were written.
func audited(t *testing.T, path, event string) []auditLine {
	t.Helper()
	return slices.DeleteFunc(auditLines(t, path), func(l auditLine) bool { return l["event"] != event })
}

// strings of a line's list.
func (l auditLine) list(field string) (all []string) {
	items, _ := l[field].([]any)
	for _, i := range items {
		all = append(all, i.(string))
	}
	return all
}

func TestSem51_ACommandFindsItsOwnLineInTheLog(t *testing.T) {
	p := start(t)
	line := `grep "$REXEC_SESSION" ` + p.auditFile()
	o := p.run(with(p.rexec("-o", "SendEnv=LC_TIME", "--env", "LC_ALL=C", "--cwd", "/", "box", line), "LC_TIME=secret-value"), "")
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, 1, strings.Count(o.stdout, "\n"), "accepted, and not yet ended: %s", o.stdout)
	var accepted auditLine
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &accepted))
	assert.Equal(t, "command.accepted", accepted["event"])
	assert.Equal(t, "admin", accepted["key"])
	assert.Equal(t, line, accepted["line"])
	assert.Equal(t, "/", accepted["cwd"])
	assert.Equal(t, []string{"LC_ALL", "LC_TIME"}, accepted.list("env"))
	assert.Contains(t, accepted["remote"], "127.0.0.1:")
	assert.NotEmpty(t, accepted["user"])
	assert.NotContains(t, o.stdout, "secret-value", "names, never values")

	ended := audited(t, p.auditFile(), "command.ended")
	require.Len(t, ended, 1, "written before the client has the verdict")
	for _, same := range []string{"session", "key", "remote", "user"} {
		assert.Equal(t, accepted[same], ended[0][same], same)
	}
	assert.Equal(t, "exited", ended[0]["kind"])
	assert.EqualValues(t, 0, ended[0]["code"])
	assert.EqualValues(t, len(o.stdout), ended[0]["out"])
	assert.EqualValues(t, 0, ended[0]["survivors"])
	assert.Greater(t, ended[0]["wall_us"], 0.0)
	assert.NotEmpty(t, ended[0]["time"])
	assert.Less(t, accepted["time"], ended[0]["time"])
}

func TestSem51_TheLogHasTheDaemonsWholeLife(t *testing.T) {
	p := start(t, `refuse_after = "1ms"`)
	require.Equal(t, 3, p.run(p.rexec("--argv", "box", "sh", "-c", "exit 3"), "").code)
	require.Equal(t, 127, p.run(p.rexec("--argv", "box", "nosuchprogram", "x y"), "").code)
	require.Equal(t, 128+9, p.run(p.rexec("box", "kill -9 $$"), "").code)
	wrong := p.dial()
	wrong.Secret = hmacauth.NewSecret()
	c := client.New(wrong)
	require.Error(t, c.Shell(context.Background(), "true").Run())
	require.NoError(t, c.Close())
	require.Equal(t, 0, p.run(p.command("rexecd", "key", "add", "second", "--state", p.state), "").code)
	p.stop()

	byEvent := map[any][]auditLine{}
	for _, l := range auditLines(t, p.auditFile()) {
		byEvent[l["event"]] = append(byEvent[l["event"]], l)
	}
	assert.Len(t, byEvent["daemon.started"], 1)
	assert.Len(t, byEvent["connection.admitted"], 3)
	assert.Len(t, byEvent["command.accepted"], 3)
	assert.Equal(t, []string{"nosuchprogram", "x y"}, byEvent["command.accepted"][1].list("argv"))
	require.Len(t, byEvent["command.start_failed"], 1)
	assert.Contains(t, byEvent["command.start_failed"][0]["reason"], "nosuchprogram")
	require.Len(t, byEvent["command.ended"], 2)
	assert.EqualValues(t, 3, byEvent["command.ended"][0]["code"])
	assert.Equal(t, "KILL", byEvent["command.ended"][1]["signal"])
	require.Len(t, byEvent["connection.refused"], 1)
	assert.Nil(t, byEvent["connection.refused"][0]["key"], "it was not proved")
	require.Len(t, byEvent["keys.changed"], 1)
	assert.Equal(t, []string{"second"}, byEvent["keys.changed"][0].list("added"))
	assert.Len(t, byEvent["daemon.reloaded"], 1)
	all := auditLines(t, p.auditFile())
	assert.Equal(t, "daemon.stopped", all[len(all)-1]["event"])
	fi, err := os.Stat(p.auditFile())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
	text, err := os.ReadFile(p.auditFile())
	require.NoError(t, err)
	keepsQuiet(t, string(text), p.tokenText())
}

func TestSem51_WhatTheKeyForbidsIsWrittenWithTheRule(t *testing.T) {
	p := startLimited(t, `commands = ["uptime"]`, `no_terminal = true`)
	require.Equal(t, 254, p.run(p.rexec("box", "rm -r /nowhere"), "").code)
	refused := audited(t, p.auditFile(), "command.refused")
	require.Len(t, refused, 1)
	assert.Equal(t, "command", refused[0]["rule"])
	assert.Equal(t, "rm -r /nowhere", refused[0]["line"])
	assert.Empty(t, audited(t, p.auditFile(), "command.accepted"))
	assert.Empty(t, audited(t, p.auditFile(), "command.ended"))
}

func TestSem51_AStrictDaemonRunsNothingThatItCannotRecord(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "audit")
	file := filepath.Join(folder, "log")
	for mode, runs := range map[string]bool{"strict": false, "loose": true} {
		p := start(t, `audit = "`+mode+`"`, `audit_file = "`+file+`"`)
		mark := filepath.Join(t.TempDir(), "ran")
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.WriteFile(folder, nil, 0o600)) // a file where the folder has to be: no log can be made
		o, s := p.runStatus("", "box", "touch "+mark)
		if runs {
			assert.Equal(t, outcome{}, o)
			assert.FileExists(t, mark)
		} else {
			ours(t, o, 255, "^rexec: box: the daemon can start nothing: cannot write the audit log.*tell its administrator")
			assert.Equal(t, "start_failed", s["kind"])
			assert.NoFileExists(t, mark)
		}
		assert.Contains(t, p.log.String(), "cannot write to the audit log")
		require.NoError(t, os.Remove(folder))
		assert.Equal(t, outcome{stdout: "again\n"}, p.run(p.rexec("box", "echo again"), ""), "no restart is needed")
		assert.Len(t, audited(t, file, "command.ended"), 1)
		p.nothingLeft()
		p.stop()
		require.NoError(t, os.RemoveAll(folder))
	}
}

func TestSem51_AStrictDaemonDoesNotStartWithoutItsLog(t *testing.T) {
	p := start(t)
	p.stop()
	require.NoError(t, os.Remove(p.auditFile()))
	require.NoError(t, os.Mkdir(p.auditFile(), 0o700))
	o := p.run(p.command("rexecd", "serve", "--state", p.state), "")
	assert.Equal(t, 1, o.code)
	assert.Regexp(t, "^rexecd: audit log: .*is a directory .*rexecd.toml say whether and where\\)\n$", o.stderr)
}

func TestSem51_OffWritesNothing(t *testing.T) {
	p := start(t, `audit = "off"`)
	require.Equal(t, outcome{stdout: "x\n"}, p.run(p.rexec("box", "echo x"), ""))
	assert.NoFileExists(t, p.auditFile())
}

func TestTheLogIsRotatedByRenameAndReload(t *testing.T) {
	p := start(t, `audit_fsync = true`)
	require.Equal(t, 0, p.run(p.rexec("box", "echo before"), "").code)
	require.NoError(t, os.Rename(p.auditFile(), p.auditFile()+".1"))
	require.Equal(t, 0, p.run(p.command("rexecd", "reload", "--state", p.state), "").code)
	require.Equal(t, 0, p.run(p.rexec("box", "echo after"), "").code)
	old, now := audited(t, p.auditFile()+".1", "command.accepted"), audited(t, p.auditFile(), "command.accepted")
	require.Len(t, old, 1)
	require.Len(t, now, 1)
	assert.Equal(t, "echo before", old[0]["line"])
	assert.Equal(t, "echo after", now[0]["line"])
}

func TestSem52_HostileWordsAreOneLineInTheLog(t *testing.T) {
	p := start(t)
	words := []string{"true", "a\nb", "\x1b]0;x\a", "\u202egnp", `\x41`, "\xd5\xd2", "目录"}
	require.Equal(t, 0, p.run(p.rexec(append([]string{"--argv", "box"}, words...)...), "").code)
	text, err := os.ReadFile(p.auditFile())
	require.NoError(t, err)
	assert.NotContains(t, string(text), "\x1b")
	assert.NotContains(t, string(text), "\u202e")
	accepted := audited(t, p.auditFile(), "command.accepted")
	require.Len(t, accepted, 1)
	assert.Equal(t, []string{"argv"}, accepted[0].list("escaped"))
	assert.Equal(t, []string{"true", "a\nb", "\x1b]0;x\a", "\u202egnp", `\\x41`, `\xd5\xd2`, "目录"}, accepted[0].list("argv"))
	whole := auditLines(t, p.auditFile())
	assert.Len(t, whole, 4, "started, admitted, accepted, ended")
}

// TestTheLogCostsLittle prints what the log adds to a command: run with -v.
func TestTheLogCostsLittle(t *testing.T) {
	modes := []string{"off", "strict"}
	clients, took := map[string]*client.Client{}, map[string][]time.Duration{}
	for _, mode := range modes {
		c := client.New(start(t, `audit = "`+mode+`"`).dial())
		defer c.Close()
		clients[mode] = c
	}
	for range 100 { // in turns: another load meets both
		for _, mode := range modes {
			began := time.Now()
			require.NoError(t, clients[mode].Command(context.Background(), "true").Run())
			took[mode] = append(took[mode], time.Since(began))
		}
	}
	at := func(mode string, part int) time.Duration {
		slices.Sort(took[mode])
		return took[mode][len(took[mode])/part]
	}
	t.Logf("a command costs %v without the log, %v with it (medians)", at("off", 2), at("strict", 2))
	// Little comes between the fastest ones; where the machine is so busy that they are slow, it is no finer scale.
	assert.Less(t, at("strict", 20), at("off", 20)+max(slack*time.Millisecond, at("off", 20)))
}
