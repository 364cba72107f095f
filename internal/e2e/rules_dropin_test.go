//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDropin01_OptionsInEveryFormAndPlace(t *testing.T) {
	p := start(t)
	port := fmt.Sprint(p.port)
	me := strings.TrimSpace(p.output("id", "-un"))
	echo := outcome{stdout: "[-n][-p][1][--][x]"}
	words := []string{"printf", "'[%s]'", "-n", "-p", "1", "--", "x"} // what follows the first word is the command's
	for _, args := range [][]string{
		{"box"},
		{"--", "box"},
		{"box", "--"},
		{"-p", port, "box"},
		{"-p" + port, "box"},
		{"box", "-p", port},
		{"box", "-p" + port, "-l", me, "-q", "-T"},
		{"-o", "Port=" + port, "box"},
		{"-oPort=" + port, "box"},
		{"-oport " + port, "box"},
		{"-o", "  PORT = \"" + port + "\"", "box"},
		{"box", "-o", "Port=" + port, "-o", "Port=1"}, // the first value wins
		{"-p", port, "-o", "Port=1", "box"},
		{"-o", "Port=" + port, "-p", "1", "box"},
		{"-l", me, "box"},
		{"-l" + me, "box"},
		{"-o", "User=" + me, "box"},
		{me + "@box"},
		{"-l", me, "nosuchuser@box"},
		{"ssh://" + me + "@box:" + port},
		{"ssh://box"},
		{"-qnT", "box"},
		{"-xaT4", "box"},
		{"box", "-v", "-q", "-E", "/dev/null"},
		{"-o", "HostName=127.0.0.1", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "box"},
		{"-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none", "-oRequestTTY=no", "-oForwardAgent=no", "--", "box"},
		{"-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "Port=" + port, "-o", `User="` + me + `"`, "-o", "ConnectTimeout=10", "-o", "ControlPath=\"/tmp/x\"", "box"},
	} {
		assert.Equal(t, echo, p.run(p.rexec(append(args, words...)...), ""), "%q", args)
		assert.Equal(t, echo, p.run(p.rexec(append(append([]string{"ssh"}, args...), words...)...), ""), "ssh %q", args)
	}
	assert.Equal(t, outcome{stdout: "-- x\n"}, p.run(p.rexec("box", "--", "echo", "--", "x"), ""), "only the first -- vanishes")
	assert.Equal(t, 255, p.run(p.rexec("-p", "1", "-o", "Port="+port, "box", "true"), "").code, "the first value wins")
}

func TestDropin03_SshShapeIsTheSameBinaryUnderAnotherName(t *testing.T) {
	p := start(t)
	dir := t.TempDir()
	for _, name := range []string{"rexec-ssh", "ssh"} {
		require.NoError(t, os.Symlink(filepath.Join(bin, "rexec"), filepath.Join(dir, name)))
		cmd := p.rexec("box", "echo", "$((1+1))", "; exit 7")
		cmd.Path, cmd.Args[0] = filepath.Join(dir, name), name
		assert.Equal(t, outcome{stdout: "2\n", code: 7}, p.run(cmd, ""), name)
		cmd = p.rexec("host", "ls") // no verbs there
		cmd.Path, cmd.Args[0] = filepath.Join(dir, name), name
		ours(t, p.run(cmd, ""), 255, `^rexec: host "host" is not known`)
		cmd = p.rexec("-V")
		cmd.Path, cmd.Args[0] = filepath.Join(dir, name), name
		o := p.run(cmd, "")
		assert.Equal(t, []any{0, ""}, []any{o.code, o.stdout}, "-V is on stderr")
		assert.NotEmpty(t, o.stderr)
	}
}

func TestDropin04_GPrintsWhatOthersProbe(t *testing.T) {
	p := start(t)
	o := p.run(p.rexec("-G", "-o", "SendEnv=GIT_PROTOCOL", "-p", "2222", "git@box"), "")
	assert.Equal(t, outcome{stdout: "host box\nuser git\nhostname 127.0.0.1\nport 2222\n"}, o)
	o = p.run(p.rexec("ssh", "-G", "elsewhere"), "")
	assert.Equal(t, 0, o.code)
	assert.Contains(t, o.stdout, "host elsewhere\n")
}

func TestReservedWordsAreVerbsOnlyInFirstPlace(t *testing.T) {
	p := start(t)
	assert.Equal(t, 0, p.run(p.rexec("host", "ls"), "").code)
	for _, args := range [][]string{{"--", "host", "ls"}, {"-q", "host", "ls"}, {"u@host", "ls"}} {
		ours(t, p.run(p.rexec(args...), ""), 255, `^rexec: host "host" is not known`)
	}
	ours(t, p.run(p.rexec("lab", "add"), ""), 255, `^rexec: want: rexec lab init NAME`)
	assert.Equal(t, outcome{stdout: "host\n"}, p.run(p.rexec("box", "echo", "host"), ""))
}
