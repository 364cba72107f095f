package sshopt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSessionIsOneOfShellSubsystemAndNothing(t *testing.T) {
	assert.True(t, read(t, "-N", "-o", "SessionType=default", "h").NoCommand)
	assert.True(t, read(t, "-o", "SessionType=NONE", "h").NoCommand)
	assert.True(t, read(t, "-o", "SessionType=subsystem", "h", "sftp").Subsystem)
	assert.True(t, read(t, "-s", "h", "sftp", "-s").Subsystem)
	for _, args := range [][]string{{"-N", "-s", "h", "x"}, {"-s", "-N", "h", "x"}, {"-oSessionType=default", "-N", "h"}, {"-W", "a:1", "-s", "h", "x"}} {
		assert.Contains(t, refused(t, args...), "exclude each other")
	}
	assert.Contains(t, refused(t, "-s", "h"), "name of a subsystem")
}

func TestBackgroundNeedsSomethingToRun(t *testing.T) {
	l := read(t, "-f", "h", "ls")
	assert.True(t, l.Background)
	assert.True(t, l.NoStdin)
	assert.True(t, read(t, "-fN", "h").NoCommand)
	assert.True(t, read(t, "-f", "-oRemoteCommand=ls", "h").Background)
	assert.Contains(t, refused(t, "-f", "h"), "-N")
	assert.Contains(t, refused(t, "-o", "ForkAfterAuthentication=yes", "h"), "-N")
}

func TestRemoteCommandStandsInForTheCommand(t *testing.T) {
	assert.Equal(t, `echo "a  b" %d`, read(t, "-o", `RemoteCommand=echo "a  b" %%d`, "h").RemoteLine())
	assert.Equal(t, "ls", read(t, "-o", "RemoteCommand =  ls", "h", "").RemoteLine())
	assert.Equal(t, "ls", read(t, "-o", "RemoteCommand=None", "-o", "RemoteCommand=x", "h", "ls").RemoteLine())
	assert.Equal(t, `two commands: -o RemoteCommand="ls" and "ls"`, refused(t, "-o", "RemoteCommand=ls", "h", "ls"))
}

func TestStdioForwardIsReadAndEndsTheRest(t *testing.T) {
	for spec, want := range map[string]Endpoint{
		"web:80":       {Host: "web", Port: 80},
		"[::1]:80":     {Host: "::1", Port: 80},
		"/run/x.sock":  {Path: "/run/x.sock"},
		"[web.lan]:80": {Host: "web.lan", Port: 80},
		"[web:80":      {},
		"[]:80":        {},
		"::1:80":       {},
		"web":          {},
		":80":          {},
		"web:0":        {},
		"-x:80":        {},
		"":             {},
	} {
		l, err := Parse(SSH, nil, []string{"-W", spec, "h"})
		if want == (Endpoint{}) {
			assert.Error(t, err, spec)
			continue
		}
		require.NoError(t, err, spec)
		assert.Equal(t, want, *l.Stdio)
		assert.True(t, l.NoCommand)
		assert.False(t, l.WantsTerminal(true))
	}
	assert.Contains(t, refused(t, "-W", "a:1", "-W", "b:1", "h"), "twice")
	assert.Contains(t, refused(t, "-W", "a:1", "-O", "exit", "h"), "exclude")
	assert.Contains(t, refused(t, "-O", "exit", "-W", "a:1", "h"), "exclude")
}

func TestSem31_EscapeCharacter(t *testing.T) {
	l := read(t, "h")
	assert.Equal(t, byte('~'), l.Escape)
	assert.False(t, l.EscapeOff)
	assert.True(t, read(t, "-e", "none", "h").EscapeOff)
	assert.Equal(t, byte(1), read(t, "-e^A", "h").Escape)
	assert.Equal(t, byte('^'), read(t, "-e^", "h").Escape)
	for _, bad := range []string{"", "ab", "^1", "NONE", "é"} {
		assert.Contains(t, refused(t, "-e", bad, "h"), "escape character")
	}
}

func TestLettersWithoutASubjectAreAcceptedSilently(t *testing.T) {
	assert.Equal(t, read(t, "h"), read(t, "-2CKkyxa", "-c", "aes128-ctr", "-m", "hmac-sha1", "-I", "x.so", "-F", "/dev/null", "-P", "tag", "h"))
}

func TestFilesOfTheUserAreKeptInOrder(t *testing.T) {
	l := read(t, "-i", "a", "-o", "IdentityFile=b", "-o", "IdentityFile=none", "-ic", "-E", "x", "-E", "y", "h")
	assert.Equal(t, []string{"a", "b", "c"}, l.Identity)
	assert.Equal(t, "y", l.LogFile)
	assert.Contains(t, refused(t, "-i", "", "h"), "empty")
}

// unbuiltOf parses a line and returns what it wants in vain.
func unbuiltOf(t *testing.T, args ...string) []string {
	t.Helper()
	var lines []string
	for _, u := range read(t, append(args, "h", "x")...).Unbuilt() {
		line := u.String()
		if !u.Fatal {
			line = "warn: " + line
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWhatIsNotBuiltIsListedUnlessItWasTakenBack(t *testing.T) {
	remote, hops, program := "listening on the other side is not built yet", "hops over other hosts are not built yet", "connecting through another program is not built yet"
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"-L", "8080:a:80", "-R8081:b:80"}, []string{`option -R "8081:b:80": ` + remote}},
		{[]string{"-oRemoteForward=[::1]:80 b:80"}, []string{`option -o RemoteForward "[::1]:80:b:80": ` + remote}},
		{[]string{"-W", "a:1"}, nil},
		{[]string{"-W", "/run/x"}, []string{`option -W "/run/x": sockets with a path are not forwarded, only TCP`}},
		{[]string{"-R", "1080", "-o", "ClearAllForwardings=yes"}, nil},
		{[]string{"-o", "ClearAllForwardings=no", "-oDynamicForward=1080"}, nil},
		{[]string{"-J", "gate"}, []string{`option -J "gate": ` + hops}},
		{[]string{"-J", "gate", "-o", "ProxyCommand=nc %h"}, []string{`option -J "gate": ` + hops}},
		{[]string{"-J", "none", "-o", "ProxyJump=x"}, nil},
		{[]string{"-J", "none", "-o", "ProxyCommand=nc"}, []string{`option -o ProxyCommand "nc": ` + program}},
		{[]string{"-o", "ProxyCommand none", "-o", "ProxyCommand=nc", "-o", "ProxyJump=x"}, nil},
		{[]string{"-o", `proxycommand = ssh -W "[%h]:%p" gate`}, []string{`option -o proxycommand "ssh -W \"[%h]:%p\" gate": ` + program}},
		{[]string{"-o", "ProxyUseFdpass=yes"}, []string{`option -o ProxyUseFdpass "yes": ` + program}},
		{[]string{"-o", "ProxyUseFdpass=no", "-o", "Tunnel=no", "-w", "any", "-o", "Tunnel=no"}, []string{`option -w "any": there are no tunnel devices`}},
		{[]string{"-o", "Tunnel=Yes"}, []string{`option -o Tunnel "yes": there are no tunnel devices`}},
		{[]string{"-b", "10.0.0.1", "-o", "BindInterface=eth0"}, []string{`option -b "10.0.0.1": choosing the source address is not built yet`, `option -B "eth0": choosing the interface is not built yet`}},
		{[]string{"-o", "LocalCommand=ls"}, nil},
		{[]string{"-o", "LocalCommand=ls", "-o", "PermitLocalCommand=yes"}, []string{`option -o LocalCommand "ls": local commands are not run`}},
		{[]string{"-o", "PermitRemoteOpen=any"}, nil},
		{[]string{"-o", "PermitRemoteOpen=a:80 b:80"}, []string{`option -o PermitRemoteOpen "a:80 b:80": limits of remote forwarding are not built yet`}},
		{[]string{"-o", "RefuseConnection='not today'"}, []string{`option -o RefuseConnection "not today": the connection is refused by this option itself`}},
		{[]string{"-O", "check"}, []string{`option -O "check": there are no shared connections to control`}},
		{[]string{"-M", "-S", "/tmp/x"}, []string{"option -M: there are no shared connections", `warn: option -S "/tmp/x": there are no shared connections; going on without`}},
		{[]string{"-S", "none", "-o", "ControlMaster=yes"}, nil},
		{[]string{"-A", "-Y"}, []string{"warn: option -A: there is no forwarding of agents; going on without", "warn: option -X: there is no forwarding of X11; going on without"}},
		{[]string{"-A", "-a", "-X", "-x"}, nil},
		{[]string{"-o", "ForwardAgent=$SOCK", "-o", "ForwardX11=yes", "-x"}, []string{"warn: option -A: there is no forwarding of agents; going on without"}},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, unbuiltOf(t, test.args...), "%q", test.args)
	}
	assert.Contains(t, refused(t, "-J", "a", "-J", "b", "h"), "twice")
	assert.Contains(t, refused(t, "-L", "", "h"), "empty")
}

func TestForwardsKeepTheirKindAndOrder(t *testing.T) {
	l := read(t, "-D", "1080", "-g", "-L", "1:a:2", "-o", "RemoteForward=3", "h")
	assert.Equal(t, []Forward{{ForwardDynamic, "1080", "-D"}, {ForwardLocal, "1:a:2", "-L"}, {ForwardRemote, "3", "-o RemoteForward"}}, l.Forwards)
	assert.True(t, l.GatewayPorts)
}
