package sshopt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read parses a line that must be right, in the shape of ssh.
func read(t *testing.T, args ...string) *Line {
	t.Helper()
	l, err := Parse(SSH, nil, args)
	require.NoError(t, err, "%q", args)
	return l
}

// refused parses a line that must be wrong and returns what the user is told.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	_, err := Parse(SSH, nil, args)
	require.Error(t, err, "%q", args)
	assert.NotContains(t, err.Error(), "Usage:")
	assert.NotContains(t, err.Error(), "Bad configuration option")
	assert.NotContains(t, err.Error(), "\n")
	return err.Error()
}

// The command lines of DROPIN.md, word by word: what the programs there put behind ssh.
func TestDropIn_EveryLineOfTheRealProgramsIsRead(t *testing.T) {
	plain := func(l Line) Line {
		l.LogLevel, l.Escape = LogInfo, '~'
		return l
	}
	tests := []struct {
		name   string
		args   []string
		want   Line
		remote string
	}{
		{"rsync", []string{"-p", "2222", "-l", "root", "lab1", "rsync", "--server", "-vlogDtprze.iLsfxCIvu", ".", "/tmp/etc/"},
			Line{Host: "lab1", User: "root", Port: 2222, Command: []string{"rsync", "--server", "-vlogDtprze.iLsfxCIvu", ".", "/tmp/etc/"}},
			"rsync --server -vlogDtprze.iLsfxCIvu . /tmp/etc/"},
		{"rsync, remote path of two words", []string{"lab1", "sudo rsync", "--server", "-x"},
			Line{Host: "lab1", Command: []string{"sudo rsync", "--server", "-x"}}, "sudo rsync --server -x"},
		{"rsync, quoted by itself", []string{"lab1", "rsync", "--server", "--sender", "-logDtpre.iLsfxCIvu", ".", `/tmp/a\ b`},
			Line{Host: "lab1", Command: []string{"rsync", "--server", "--sender", "-logDtpre.iLsfxCIvu", ".", `/tmp/a\ b`}},
			`rsync --server --sender -logDtpre.iLsfxCIvu . /tmp/a\ b`},
		{"git's probe", []string{"-G", "-o", "SendEnv=GIT_PROTOCOL", "-p", "2222", "git@lab1"},
			Line{Host: "lab1", User: "git", Port: 2222, PrintConfig: true, SendEnv: []string{"GIT_PROTOCOL"}}, ""},
		{"git", []string{"-o", "SendEnv=GIT_PROTOCOL", "-p", "2222", "git@lab1", `git-upload-pack '/srv/re'\''po.git'`},
			Line{Host: "lab1", User: "git", Port: 2222, SendEnv: []string{"GIT_PROTOCOL"}, Command: []string{`git-upload-pack '/srv/re'\''po.git'`}},
			`git-upload-pack '/srv/re'\''po.git'`},
		{"scp", []string{"-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none", "-oRequestTTY=no", "-oForwardAgent=no", "-s", "--", "lab1", "sftp"},
			Line{Host: "lab1", Subsystem: true, Terminal: TerminalNever, Command: []string{"sftp"}}, "sftp"},
		{"scp -O", []string{"-x", "-oClearAllForwardings=yes", "-i", "key", "-p", "2222", "-l", "root", "--", "lab1", "scp -r -p -f /tmp/a b"},
			Line{Host: "lab1", User: "root", Port: 2222, Identity: []string{"key"}, Command: []string{"scp -r -p -f /tmp/a b"}}, "scp -r -p -f /tmp/a b"},
		{"scp -R", []string{"-x", "-oRequestTTY=no", "-n", "--", "a", "scp", "/x", "b:/y"},
			Line{Host: "a", NoStdin: true, Terminal: TerminalNever, Command: []string{"scp", "/x", "b:/y"}}, "scp /x b:/y"},
		{"sftp", []string{"-oForwardX11 no", "-oPermitLocalCommand no", "-oClearAllForwardings yes", "-obatchmode yes", "-oPort 2222", "-l", "user", "-s", "--", "lab1", "sftp"},
			Line{Host: "lab1", User: "user", Port: 2222, BatchMode: true, Subsystem: true, Command: []string{"sftp"}}, "sftp"},
		{"sshfs", []string{"-x", "-a", "-oClearAllForwardings=yes", "-oport=2222", "-oServerAliveInterval=15", "-2", "-s", "--", "root@lab1", "sftp"},
			Line{Host: "lab1", User: "root", Port: 2222, ServerAliveInterval: 15 * time.Second, Subsystem: true, Command: []string{"sftp"}}, "sftp"},
		{"borg", []string{"-p", "2222", "u@lab1", "borg", "serve"},
			Line{Host: "lab1", User: "u", Port: 2222, Command: []string{"borg", "serve"}}, "borg serve"},
		{"pdsh", []string{"-oConnectTimeout=10", "-2", "-a", "-x", "-lroot", "lab1", "uname", "-a"},
			Line{Host: "lab1", User: "root", ConnectTimeout: 10 * time.Second, Command: []string{"uname", "-a"}}, "uname -a"},
		{"parallel, whose -- vanishes", []string{"-l", "u", "lab2", "--", "exec", "perl", "-X", "-e", "...", "HEX", "HEX"},
			Line{Host: "lab2", User: "u", Command: []string{"exec", "perl", "-X", "-e", "...", "HEX", "HEX"}}, "exec perl -X -e ... HEX HEX"},
		{"ansible", []string{"-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "Port=2222", "-o", `User="root"`, "-o", "ConnectTimeout=10",
			"-o", `ControlPath="/root/.ansible/cp/1"`, "-tt", "lab1", "/bin/sh -c 'echo ~ && sleep 0'"},
			Line{Host: "lab1", User: "root", Port: 2222, ConnectTimeout: 10 * time.Second, Terminal: TerminalForce, Command: []string{"/bin/sh -c 'echo ~ && sleep 0'"}},
			"/bin/sh -c 'echo ~ && sleep 0'"},
		{"docker", []string{"-o ConnectTimeout=30", "-T", "-l", "u", "-p", "22", "--", "host", "docker", "system", "dial-stdio"},
			Line{Host: "host", User: "u", Port: 22, ConnectTimeout: 30 * time.Second, Terminal: TerminalNever, Command: []string{"docker", "system", "dial-stdio"}},
			"docker system dial-stdio"},
		{"restic, options after the host", []string{"host", "-p", "2222", "-l", "u", "-s", "sftp"},
			Line{Host: "host", User: "u", Port: 2222, Subsystem: true, Command: []string{"sftp"}}, "sftp"},
	}
	for _, shape := range []Shape{SSH, Rexec} {
		for _, test := range tests {
			got, err := Parse(shape, nil, test.args)
			require.NoError(t, err, test.name)
			assert.Empty(t, got.Unbuilt(), test.name)
			assert.Equal(t, test.remote, got.RemoteLine(), test.name)
			want := plain(test.want)
			if len(want.Command) == 0 {
				got.Command = nil
			}
			assert.Equal(t, &want, got, test.name)
		}
	}
}

// Ansible asks this way whether ssh knows ControlPersist; refused() checks the words it looks for.
func TestDropIn_AnsibleProbeWithoutHost(t *testing.T) {
	assert.Equal(t, `option -o "ControlPersist": no value given`, refused(t, "-o", "ControlPersist"))
}

func TestSem21_CommandWordsAreJoinedWithOneSpaceAndNoQuoting(t *testing.T) {
	assert.Equal(t, "a  b $(c) '' \n ", read(t, "h", "a ", "b", "$(c)", "''", "\n", "").RemoteLine())
	assert.Empty(t, read(t, "h").RemoteLine())
	assert.Empty(t, read(t, "h", "").RemoteLine(), "an empty word is no command, as in ssh")
}

func TestSem20_TerminalOnlyWhereItIsWanted(t *testing.T) {
	tests := []struct {
		args     []string
		tty, not bool // with stdin a terminal, and with stdin none
	}{
		{[]string{"h"}, true, false},
		{[]string{"h", "ls"}, false, false},
		{[]string{"-t", "h", "ls"}, true, false},
		{[]string{"-t", "h"}, true, false},
		{[]string{"-tt", "h", "ls"}, true, true},
		{[]string{"-t", "-t", "h"}, true, true},
		{[]string{"-ttt", "h", "ls"}, true, false},
		{[]string{"-T", "h"}, false, false},
		{[]string{"-tt", "-T", "h"}, false, false},
		{[]string{"-T", "-t", "h", "ls"}, true, false},
		{[]string{"-n", "h"}, false, false},
		{[]string{"-n", "-tt", "h"}, true, true},
		{[]string{"-N", "-tt", "h"}, false, false},
		{[]string{"-o", "RequestTTY=FORCE", "h", "ls"}, true, true},
		{[]string{"-o", "RequestTTY=no", "-t", "h", "ls"}, true, false},
		{[]string{"-t", "-o", "RequestTTY=no", "h", "ls"}, true, false},
		{[]string{"-o", "RemoteCommand=ls", "h"}, false, false},
	}
	for _, test := range tests {
		l := read(t, test.args...)
		assert.Equal(t, test.tty, l.WantsTerminal(true), "%q at a terminal", test.args)
		assert.Equal(t, test.not, l.WantsTerminal(false), "%q without one", test.args)
	}
}
