package sshopt

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestKeywordMayBeWrittenInEveryWayOfSSHConfig(t *testing.T) {
	for _, line := range []string{
		"Port=2222", "port 2222", "PORT = 2222", "  Port\t2222  ", "Port= 2222", "Port =2222", `Port="2222"`, "Port='2222'", `Port 22"22"`,
		"Port=2222 # behind the wall", "Port=2222\n\f",
	} {
		assert.Equal(t, 2222, read(t, "-o", line, "h").Port, "%q", line)
		assert.Equal(t, 2222, read(t, "-o"+line, "h").Port, "%q", line)
	}
	for _, nothing := range []string{"", "   ", "# Port=1", "  # Port=1"} {
		assert.Zero(t, read(t, "-o", nothing, "h").Port, "%q", nothing)
	}
	for value, want := range map[string]string{`"a b"`: "a b", `a\ b`: "a b", `'a"b'`: `a"b`, `\"a`: `"a`, `a\x`: `a\x`, `"a\ b"`: `a\ b`, `=x`: "=x", `#x`: ""} {
		words, err := splitWords(value)
		assert.NoError(t, err)
		assert.Equal(t, want, strings.Join(words, "|"), value)
	}
}

func TestKeywordMistakesAreNamed(t *testing.T) {
	for want, line := range map[string]string{
		`option -o "Foo": ssh has no keyword of this name; see ssh_config(5)`:                           "Foo=bar",
		`option -o "P\x1brt": ssh has no keyword of this name; see ssh_config(5)`:                       "P\x1brt 1",
		`option -o "Port": no value given`:                                                              "Port =  ",
		`option -o port: more than one value in "22 23"`:                                                "port 22 23",
		`option -o Port: an empty value`:                                                                `Port=""`,
		`option -o User: an empty value`:                                                                `User=#x`,
		`option -o User: quotes do not match in "\"a"`:                                                  `User="a`,
		`option -o Match: belongs into a file, not on the command line`:                                 "Match all",
		`option -o Port: "70000" is no port, 1 to 65535`:                                                "Port=70000",
		`option -o BatchMode: "maybe" is not yes or no`:                                                 "BatchMode maybe",
		`option -o ConnectTimeout: "1x" is no time, such as 30 or 1m30s`:                                "ConnectTimeout=1x",
		`option -o ServerAliveCountMax: "-1" is no number`:                                              "ServerAliveCountMax=-1",
		`option -o SendEnv: "A=1" is no name of a variable; to set one use -o SetEnv`:                   "SendEnv=A=1",
		`option -o SetEnv: "A" is not NAME=VALUE`:                                                       "SetEnv=A",
		`option -o RequestTTY: "perhaps" is not auto, yes, no or force`:                                 "RequestTTY=perhaps",
		`option -o SessionType: "x" is not default, none or subsystem`:                                  "SessionType=x",
		`option -o LogLevel: "loud" is not quiet, fatal, error, info, verbose, debug, debug2 or debug3`: "LogLevel=loud",
		`option -o Tunnel: "x" is not yes, no, point-to-point or ethernet`:                              "Tunnel=x",
		`option -o LocalForward: needs an address to listen on, and one to connect to`:                  "LocalForward=80",
		`option -o DynamicForward: too many words`:                                                      "DynamicForward=80 81",
		`option -o RemoteCommand: "%d" is not known here; a percent sign is written %%`:                 "RemoteCommand=date +%d",
	} {
		assert.Equal(t, want, refused(t, "-o", line, "h"))
	}
}

// readconf.c's keywords[] of OpenSSH 10.5, in its order.
const keywordsOfOpenSSH = `protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh
useprivilegedport afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication rhostsrsaauthentication compressionlevel
gssapiauthentication gssapidelegatecredentials pkcs11provider smartcarddevice forwardagent forwardx11 forwardx11trusted forwardx11timeout
exitonforwardfailure xauthlocation gatewayports passwordauthentication kbdinteractiveauthentication kbdinteractivedevices
challengeresponseauthentication skeyauthentication tisauthentication pubkeyauthentication dsaauthentication hostbasedauthentication
identityfile identityfile2 identitiesonly certificatefile addkeystoagent identityagent hostname hostkeyalias proxycommand port ciphers
macs remoteforward localforward permitremoteopen user host match tag escapechar globalknownhostsfile userknownhostsfile
connectionattempts batchmode checkhostip stricthostkeychecking compression tcpkeepalive keepalive numberofpasswordprompts
syslogfacility loglevel logverbose dynamicforward preferredauthentications hostkeyalgorithms casignaturealgorithms bindaddress
bindinterface clearallforwardings enablesshkeysign verifyhostkeydns nohostauthenticationforlocalhost rekeylimit connecttimeout
addressfamily serveraliveinterval serveralivecountmax sendenv setenv controlpath controlmaster controlpersist hashknownhosts include
tunnel tunneldevice localcommand permitlocalcommand remotecommand visualhostkey kexalgorithms ipqos requesttty sessiontype stdinnull
forkafterauthentication proxyusefdpass canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots
canonicalizepermittedcnames streamlocalbindmask streamlocalbindunlink revokedhostkeys fingerprinthash updatehostkeys
hostbasedacceptedalgorithms hostbasedkeytypes pubkeyacceptedalgorithms pubkeyacceptedkeytypes ignoreunknown proxyjump
securitykeyprovider knownhostscommand requiredrsasize enableescapecommandline obscurekeystroketiming channeltimeout versionaddendum
refuseconnection warnweakcrypto`

func TestEveryKeywordOfOpenSSHHasAClassAndKeepsToIt(t *testing.T) {
	for _, name := range strings.Fields(keywordsOfOpenSSH) {
		_, known := Keyword(name)
		assert.True(t, known, name)
	}
	blank := read(t, "h")
	for name, class := range keywords {
		assert.Equal(t, strings.ToLower(name), name)
		line := strings.ToUpper(name) + "=~ what ever"
		switch class {
		case Ignored:
			assert.Equal(t, blank, read(t, "-o", line, "h"), name)
		case ConfigOnly:
			assert.Contains(t, refused(t, "-o", line, "h"), "belongs into a file")
		case Acts, Refused:
			assert.NotPanics(t, func() { _, _ = Parse(SSH, nil, []string{"-o", name + "=1", "h"}) }, name)
			l, err := Parse(SSH, nil, []string{"-o", name + "=1", "h"})
			assert.True(t, err != nil || name == "permitlocalcommand" || name == "localcommand" || name == "ignoreunknown" || !assert.ObjectsAreEqual(blank, l), "%s does nothing", name)
		default:
			assert.Fail(t, "no class", name)
		}
	}
}

func TestFirstValueOfAKeywordWins(t *testing.T) {
	l := read(t,
		"-o", "ConnectTimeout=none", "-o", "ConnectTimeout=1m30s", "-o", "ConnectTimeout=5",
		"-o", "ServerAliveInterval=2h", "-o", "serveraliveinterval=1",
		"-o", "ServerAliveCountMax=4", "-o", "ServerAliveCountMax=5",
		"-o", "BatchMode=TRUE", "-o", "BatchMode=no",
		"-o", "AddressFamily=inet6", "-o", "AddressFamily=any",
		"-o", "EscapeChar=^B", "-o", "EscapeChar=none",
		"-o", "LogLevel=Error", "-o", "LogLevel=debug3",
		"-o", "StdinNull=no", "-o", "StdinNull=yes",
		"-o", "SetEnv=A=1 B='x y' A=2", "-o", "SetEnv=C=3",
		"-o", "GatewayPorts=yes", "-o", "ExitOnForwardFailure=true",
		"h")
	assert.Equal(t, 90*time.Second, l.ConnectTimeout)
	assert.Equal(t, 2*time.Hour, l.ServerAliveInterval)
	assert.Equal(t, 4, l.ServerAliveCountMax)
	assert.True(t, l.BatchMode)
	assert.Equal(t, FamilyIPv6, l.Family)
	assert.Equal(t, byte(2), l.Escape)
	assert.False(t, l.EscapeOff)
	assert.Equal(t, LogError, l.LogLevel)
	assert.False(t, l.NoStdin)
	assert.Equal(t, []string{"A=1", "B=x y"}, l.SetEnv)
	assert.True(t, l.GatewayPorts)
	assert.True(t, l.ExitOnForwardFailure)
	assert.Equal(t, -1, read(t, "-oServerAliveCountMax=0", "h").ServerAliveCountMax)
}

func TestLettersBeatKeywordsAsInSSH(t *testing.T) {
	assert.Equal(t, FamilyIPv4, read(t, "-o", "AddressFamily=inet6", "-4", "h").Family)
	assert.Equal(t, FamilyIPv4, read(t, "-4", "-o", "AddressFamily=inet6", "h").Family)
	assert.True(t, read(t, "-o", "StdinNull=no", "-n", "h").NoStdin)
	assert.True(t, read(t, "-e", "none", "-o", "EscapeChar=x", "h").EscapeOff)
	assert.Equal(t, byte('y'), read(t, "-e", "none", "-ey", "h").Escape)
	assert.Equal(t, LogDebug1, read(t, "-o", "LogLevel=quiet", "-v", "h").LogLevel)
	assert.Equal(t, LogDebug1, read(t, "-v", "-o", "LogLevel=quiet", "h").LogLevel)
	assert.Equal(t, 1, read(t, "-q", "-v", "h").Verbose())
	assert.True(t, read(t, "-v", "-q", "h").Quiet())
	assert.Zero(t, read(t, "-q", "h").Verbose())
	assert.False(t, read(t, "h").Quiet())
}

func TestSem22_SendEnvListsPatternsAndTakesThemBack(t *testing.T) {
	l := read(t, "-o", "SendEnv=LC_* LANG TERM?", "-o", "SendEnv LC_ALL", "-o", "SendEnv=-LC_*", "-o", "SendEnv=A*C", "h")
	assert.Equal(t, []string{"LANG", "TERM?", "A*C"}, l.SendEnv)
	for _, name := range []string{"LANG", "TERM1", "AC", "ABBC", "ACC"} {
		assert.True(t, l.SendsEnv(name), name)
	}
	for _, name := range []string{"", "LC_ALL", "LANGUAGE", "TERM", "TERM12", "ACB", "lang"} {
		assert.False(t, l.SendsEnv(name), name)
	}
}

func TestIgnoreUnknownCoversWhatComesAfterIt(t *testing.T) {
	read(t, "-o", "IgnoreUnknown=Use*,!UseThis,Foo", "-o", "UseOther=yes", "-o", "foo=1", "h")
	refused(t, "-o", "IgnoreUnknown=Use*,!UseThis", "-o", "UseThis=yes", "h")
	refused(t, "-o", "Foo=1", "-o", "IgnoreUnknown=Foo", "h")
}

func TestTimesAreThoseOfSSH(t *testing.T) {
	for s, want := range map[string]int{
		"0": 0, "90": 90, "90s": 90, "1m30s": 90, "1m30": 90, "1H": 3600, "2d": 172800, "1w": 604800, "1h1h": 7200, "1.9": 1, ".5s": 0, "1m1.5s": 61, "2147483647": 2147483647,
	} {
		got, err := parseTime(s)
		assert.NoError(t, err, s)
		assert.Equal(t, time.Duration(want)*time.Second, got, s)
	}
	for _, s := range []string{"", "s", "-1", "1x", "1s2s", "1 s", "1.5m", "1.", "1..2", "0x10", "1e3", "2147483648", strings.Repeat("9", 400), "none"} {
		_, err := parseTime(s)
		assert.Error(t, err, s)
	}
}
