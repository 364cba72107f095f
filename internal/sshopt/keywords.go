package sshopt

// Class says what becomes of an ssh_config keyword given with -o.
type Class uint8

const (
	// Ignored: ssh knows it, its subject does not exist here (or TLS, the key or the inventory settles it): accepted silently.
	Ignored Class = 1
	// Acts: its value is validated and ends up in the Line.
	Acts Class = 2
	// Refused: it would change the route, or what is executed, in a way that is not built: Line.Unbuilt lists it, unless its
	// value says no.
	Refused Class = 3
	// ConfigOnly: belongs into a file (Host, Match, Include); on a command line it is an error, in ssh too.
	ConfigOnly Class = 4
)

// Keyword returns the class of an ssh_config keyword in lower case; false if OpenSSH 10 has no such keyword.
func Keyword(name string) (Class, bool) {
	class, known := keywords[name]
	return class, known
}

// keywords is readconf.c's table of OpenSSH 10.5, deprecated and unsupported names included.
var keywords = map[string]Class{
	"hostname":                Acts,
	"port":                    Acts,
	"user":                    Acts,
	"addressfamily":           Acts,
	"batchmode":               Acts,
	"bindaddress":             Acts,
	"bindinterface":           Acts,
	"clearallforwardings":     Acts,
	"connecttimeout":          Acts,
	"dynamicforward":          Acts,
	"escapechar":              Acts,
	"exitonforwardfailure":    Acts,
	"forkafterauthentication": Acts,
	"gatewayports":            Acts,
	"identityfile":            Acts,
	"identityfile2":           Acts, // older name
	"ignoreunknown":           Acts,
	"localforward":            Acts,
	"loglevel":                Acts,
	"remotecommand":           Acts,
	"requesttty":              Acts,
	"sendenv":                 Acts,
	"serveralivecountmax":     Acts,
	"serveraliveinterval":     Acts,
	"sessiontype":             Acts,
	"setenv":                  Acts,
	"stdinnull":               Acts,

	"forwardagent":       Refused,
	"forwardx11":         Refused,
	"localcommand":       Refused, // with permitlocalcommand
	"permitlocalcommand": Refused, // with localcommand
	"permitremoteopen":   Refused, // a limit that is not kept must not look kept
	"proxycommand":       Refused,
	"proxyjump":          Refused,
	"proxyusefdpass":     Refused,
	"refuseconnection":   Refused, // its very purpose
	"remoteforward":      Refused,
	"tunnel":             Refused,

	"host":    ConfigOnly,
	"include": ConfigOnly,
	"match":   ConfigOnly,

	// Other ways to prove who one is: the key decides.
	"addkeystoagent":                  Ignored,
	"certificatefile":                 Ignored,
	"challengeresponseauthentication": Ignored,
	"dsaauthentication":               Ignored,
	"enablesshkeysign":                Ignored,
	"gssapiauthentication":            Ignored,
	"gssapidelegatecredentials":       Ignored,
	"hostbasedacceptedalgorithms":     Ignored,
	"hostbasedauthentication":         Ignored,
	"hostbasedkeytypes":               Ignored,
	"identitiesonly":                  Ignored,
	"identityagent":                   Ignored,
	"kbdinteractiveauthentication":    Ignored,
	"kbdinteractivedevices":           Ignored,
	"numberofpasswordprompts":         Ignored,
	"passwordauthentication":          Ignored,
	"pkcs11provider":                  Ignored,
	"preferredauthentications":        Ignored,
	"pubkeyacceptedalgorithms":        Ignored,
	"pubkeyacceptedkeytypes":          Ignored,
	"pubkeyauthentication":            Ignored,
	"requiredrsasize":                 Ignored,
	"securitykeyprovider":             Ignored,
	"skeyauthentication":              Ignored,
	"smartcarddevice":                 Ignored,
	"tisauthentication":               Ignored,

	// Host keys: the daemon proves the key, the pin decides.
	"checkhostip":                      Ignored,
	"fingerprinthash":                  Ignored,
	"globalknownhostsfile":             Ignored,
	"hashknownhosts":                   Ignored,
	"hostkeyalias":                     Ignored,
	"knownhostscommand":                Ignored,
	"nohostauthenticationforlocalhost": Ignored,
	"revokedhostkeys":                  Ignored,
	"stricthostkeychecking":            Ignored,
	"updatehostkeys":                   Ignored,
	"userknownhostsfile":               Ignored,
	"verifyhostkeydns":                 Ignored,
	"visualhostkey":                    Ignored,

	// The channel: TLS 1.3 decides.
	"casignaturealgorithms":  Ignored,
	"channeltimeout":         Ignored,
	"ciphers":                Ignored,
	"compression":            Ignored,
	"connectionattempts":     Ignored,
	"hostkeyalgorithms":      Ignored,
	"ipqos":                  Ignored,
	"kexalgorithms":          Ignored,
	"macs":                   Ignored,
	"obscurekeystroketiming": Ignored,
	"rekeylimit":             Ignored,
	"tcpkeepalive":           Ignored,
	"keepalive":              Ignored,
	"versionaddendum":        Ignored,
	"warnweakcrypto":         Ignored,

	// Names: the inventory decides.
	"canonicaldomains":            Ignored,
	"canonicalizefallbacklocal":   Ignored,
	"canonicalizehostname":        Ignored,
	"canonicalizemaxdots":         Ignored,
	"canonicalizepermittedcnames": Ignored,
	"tag":                         Ignored,

	// Details of something that is refused where it is asked for, or of a shared connection, which is only faster.
	"controlmaster":           Ignored,
	"controlpath":             Ignored,
	"controlpersist":          Ignored,
	"enableescapecommandline": Ignored,
	"forwardx11timeout":       Ignored,
	"forwardx11trusted":       Ignored,
	"logverbose":              Ignored,
	"streamlocalbindmask":     Ignored,
	"streamlocalbindunlink":   Ignored,
	"syslogfacility":          Ignored,
	"tunneldevice":            Ignored,
	"xauthlocation":           Ignored,

	// Deprecated or unsupported in OpenSSH itself.
	"afstokenpassing":         Ignored,
	"cipher":                  Ignored,
	"compressionlevel":        Ignored,
	"fallbacktorsh":           Ignored,
	"globalknownhostsfile2":   Ignored,
	"kerberosauthentication":  Ignored,
	"kerberostgtpassing":      Ignored,
	"protocol":                Ignored,
	"rhostsauthentication":    Ignored,
	"rhostsrsaauthentication": Ignored,
	"rsaauthentication":       Ignored,
	"useprivilegedport":       Ignored,
	"userknownhostsfile2":     Ignored,
	"useroaming":              Ignored,
	"usersh":                  Ignored,

	// Added to OpenSSH by Debian, Fedora and Apple; scripts written there use them.
	"gssapiclientidentity":     Ignored,
	"gssapikexalgorithms":      Ignored,
	"gssapikeyexchange":        Ignored,
	"gssapirenewalforcesrekey": Ignored,
	"gssapiserveridentity":     Ignored,
	"gssapitrustdns":           Ignored,
	"protocolkeepalives":       Ignored,
	"setuptimeout":             Ignored,
	"usekeychain":              Ignored,
}
