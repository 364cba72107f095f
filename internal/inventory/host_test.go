package inventory

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const someHosts = `
[[host]]
name = "web*"
key = "farm"
port = 7000

[[host]]
name = "web1"
aliases = ["www", "front"]
address = "192.0.2.1"

[[host]]
name = "web?"
key = "other"

[[host]]
name = "db"
address = "[2001:db8::5]:7001"

[[host]]
name = "twin-a"
address = "Twin.example"

[[host]]
name = "twin-b"
address = "twin.example:7522"

[[host]]
name = "twin-c"
address = "twin.example:9"
`

func TestHostIsFoundByEntryAliasPatternThenAddress(t *testing.T) {
	inv := opened(t, someHosts)
	for asked, want := range map[string]struct{ name, pattern, endpoint string }{
		"web1":               {"web1", "", "192.0.2.1:7522"},
		"www":                {"web1", "", "192.0.2.1:7522"},
		"front":              {"web1", "", "192.0.2.1:7522"},
		"web2":               {"web2", "web*", "web2:7000"},
		"web":                {"web", "web*", "web:7000"},
		"192.0.2.1":          {"web1", "", "192.0.2.1:7522"},
		"192.0.2.1:7522":     {"web1", "", "192.0.2.1:7522"},
		"::ffff:192.0.2.1":   {"web1", "", "192.0.2.1:7522"},
		"2001:DB8::5":        {"db", "", "[2001:db8::5]:7001"},
		"[2001:db8:0::5]":    {"db", "", "[2001:db8::5]:7001"},
		"[2001:db8::5]:7001": {"db", "", "[2001:db8::5]:7001"},
		"twin.example:9":     {"twin-c", "", "twin.example:9"},
		"db:7522":            {"", "", ""},
		"192.0.2.1:22":       {"", "", ""},
		"[2001:db8::5]:22":   {"", "", ""},
		"nowhere":            {"", "", ""},
		"web*":               {"", "", ""},
		"web-1 ":             {"", "", ""},
		"":                   {"", "", ""},
	} {
		h, err := inv.Find(asked)
		if want.name == "" {
			var unknown *UnknownHost
			require.ErrorAs(t, err, &unknown, asked)
			assert.Equal(t, asked, unknown.Name)
			continue
		}
		require.NoError(t, err, asked)
		assert.Equal(t, want.name, h.Name, asked)
		assert.Equal(t, want.pattern, h.Pattern, asked)
		assert.Equal(t, want.endpoint, h.String(), asked)
	}
}

func TestUnknownHostSaysWhatToDo(t *testing.T) {
	inv := opened(t, someHosts)
	_, err := inv.Find("nowhere")
	require.EqualError(t, err, `host "nowhere" is not known: add it with rexec host add nowhere`)
	_, err = inv.Find("192.0.2.9:22")
	require.EqualError(t, err, `host "192.0.2.9:22" is not known: add it with rexec host add NAME`)
	_, err = inv.Find("x\x1b\n")
	require.EqualError(t, err, `host "x\x1b\n" is not known: add it with rexec host add NAME`)
	_, err = inv.Find("TWIN.example")
	require.EqualError(t, err, `"TWIN.example" is the address of more than one host: name one of twin-a twin-b twin-c`)
}

func TestBadHostsFileIsRefusedByPlace(t *testing.T) {
	for text, want := range map[string]string{
		"nam = 1":                                            `:1:1: "nam" is not known here, want one of groups host import`,
		"[[host]]\nname = 'a'\nadress = 'x'":                 `:3:1: "adress" is not known here, want one of address aliases encoding key name os port server_id shell tags user`,
		"[[host]]\nuser = 'a'":                               `:1:3: a host without a name`,
		"[[host]]\nname = 'a b'":                             `:2:1: "name" is not good: host name "a b" has ' ' in it`,
		"[[host]]\nname = 'a['":                              `:2:1: "name" is not good: node set "a[", character 2: [ without its ]`,
		"[[host]]\nname = 'a'\naliases = ['-x']":             `:3:1: "aliases" is not good: host name "-x" begins with -`,
		"[[host]]\nname = 'a'\naliases = ['b*']":             `:3:1: "aliases" is not good: host name "b*" has '*' in it`,
		"[[host]]\nname = 'a'\naliases = ['a']":              `:3:1: "aliases" "a" is in the file twice`,
		"[[host]]\nname='a'\n[[host]]\nname='a'":             `:4:1: "name" "a" is in the file twice`,
		"[[host]]\nname='a*'\n":                              `:2:1: "name" is not good: a pattern needs a key of its own`,
		"[[host]]\nname='a*'\nkey='k'\naliases=['b']":        `:4:1: "aliases" is not good: a pattern cannot have aliases`,
		"[[host]]\nname = 'a'\naddress = ''":                 `:3:1: "address" is not good: names no host`,
		"[[host]]\nname = 'a'\naddress = 'x:0'":              `:3:1: "address" is not good: has the port 0`,
		"[[host]]\nname = 'a'\naddress = 'x:65536'":          `:3:1: "address" is not good: has the port 65536`,
		"[[host]]\nname = 'a'\naddress = '-x'":               `:3:1: "address" is not good: begins with -`,
		"[[host]]\nname = 'a'\nport = 0":                     `:3:1: "port" is not good: it is 0, want 1 to 65535`,
		"[[host]]\nname = 'a'\nport = -9223372036854775808":  `:3:1: "port" is not good: it is -9223372036854775808, want 1 to 65535`,
		"[[host]]\nname = 'a'\nport = 70000":                 `:3:1: "port" is not good: it is 70000, want 1 to 65535`,
		"[[host]]\nname = 'a'\nport = '22'":                  `:3:1: "port" is text, want a whole number`,
		"[[host]]\nname = 'a'\nport = 1\naddress = 'x:2'":    `:3:1: "port" is not good: the address has one already`,
		"[[host]]\nname = 'a'\nkey = '../../x'":              `:3:1: "key" is not good: key name "../../x" begins with .`,
		"[[host]]\nname = 'a'\nkey = 'x/y'":                  `:3:1: "key" is not good: key name "x/y" has '/' in it`,
		"[[host]]\nname = 'a'\nkey = ''":                     `:3:1: "key" is not good: key name is empty`,
		"[[host]]\nname = 'a'\nserver_id = 'A'":              `:3:1: "server_id" is not good: server id "A" has 'A' in it`,
		"[[host]]\nname = 'a'\nuser = \"a\\n\"":              `:3:1: "user" is not good: it is empty or cannot be shown`,
		"[[host]]\nname = 'a'\nencoding = ''":                `:3:1: "encoding" is not good: encoding "" is not known: want auto, raw, utf-8, gbk`,
		"[[host]]\nname = 'a'\nos = 'Windows'":               `:3:1: "os" is not good: it is "Windows", want one of linux windows darwin`,
		"[[host]]\nname = 'a'\nshell = []":                   `:3:1: "shell" is not good: it is empty, want the words before the command`,
		"[[host]]\nname = 'a'\nshell = ['']":                 `:3:1: "shell" is not good: it is empty or cannot be shown`,
		"[[host]]\nname = 'a'\nshell = 'sh'":                 `:3:1: "shell" is text, want a list of texts`,
		"[[host]]\nname = 'a'\ntags = ['all']":               `:3:1: "tags" is not good: tag name "all" is taken: it stands for every host`,
		"[[host]]\nname = 'a'\ntags = ['x y']":               `:3:1: "tags" is not good: tag name "x y" has ' ' in it`,
		"[[host]]\nname='a*'\nkey='k'\ntags=['b']":           `:4:1: "tags" is not good: a name with * or ? does not say which hosts there are: put them into [groups]`,
		"[[host]]\nname='lab[1-3]*'\nkey='k'":                `:2:1: "name" is not good: host name "lab[1-3]*" has '[' in it`,
		"[[host]]\nname='lab[1-3]!lab2'":                     `:2:1: "name" is not good: node set "lab[1-3]!lab2", character 10: ! is not possible here`,
		"[[host]]\nname='-x[1-3]'":                           `:2:1: "name" is not good: host name "-x1" begins with -`,
		"[[host]]\nname='l[1-3]'\naliases=['b']":             `:3:1: "aliases" is not good: a pattern cannot have aliases`,
		"[[host]]\nname='l[1-3]'\naddress='%x'":              `:3:1: "address" is not good: for a host such as "l1" it has a % that stands for nothing`,
		"[[host]]\nname='l[1-3]'\naddress='x%2n'":            `:3:1: "address" is not good: for a host such as "l1" it has a % for a number that the name does not have`,
		"[[host]]\nname='l[1-3]'\naddress='10.0.0.%{n-2}'":   `:3:1: "address" is not good: for a host such as "l1" it makes 1-2, which is no number from 0 on`,
		"[[host]]\nname='l[1-3]'\naddress='10.0.0.%{n+253}'": `:3:1: "address" is not good: looks like an IPv4 address and is none`,
		"[[host]]\nname='l[1-3]'\nserver_id='L%n'":           `:3:1: "server_id" is not good: server id "L1" has 'L' in it`,
		"[[host]]\nname='l[1-3]'\nport=1\naddress='%h:2'":    `:3:1: "port" is not good: the address has one already`,
		"import = 'putty'":                                   `:1:1: "import" is not known: "ssh", for ~/.ssh/config, is the only source`,
		"[groups]\na = 'b['":                                 `:2:1: "a" is not good: node set "b[", character 2: [ without its ]`,
		"[groups]\na = ['b']":                                `:2:1: "a" is a list, want text in quotes`,
		"[groups]\nall = 'b'":                                `:2:1: "all" is not good: group name "all" is taken: it stands for every host`,
		"[groups]\n'a b' = 'b'":                              `:2:1: "a b" is not good: group name "a b" has ' ' in it`,
		"[groups]\na = '@b'":                                 `:2:1: "a" is not good: group or tag "b" is not in the file`,
		"[groups]\nx = 'h'\na = '@b'\nb = '@c,@x'\nc = '@a'": `:3:1: "a" is not good: it is made of itself: a, b, c, a`,
		"[groups]\na = '@a'":                                 `:2:1: "a" is not good: it is made of itself: a, a`,
		"[groups]\ng = 'h'\n[[host]]\nname='h'\ntags=['g']":  `:2:1: "g" is not good: it is the tag of a host too`,
		"groups = 1": `:1:1: "groups" is a whole number, want a table, under a line [groups]`,
		"[[host]\n":  `:1:`,
	} {
		_, err := parseHosts("hosts.toml", []byte(text))
		assert.ErrorContains(t, err, "hosts.toml"+want, text)
	}
}

func FuzzHostsFileNeverPanics(f *testing.F) {
	f.Add(someHosts, "web1")
	f.Add("host = [{name = 'a', address = 'b:1'}]", "b")
	f.Fuzz(func(t *testing.T, text, asked string) {
		book, err := parseHosts("f", []byte(text))
		if err != nil {
			return
		}
		inv := &Inventory{book: book}
		if h, err := inv.Find(asked); err == nil {
			require.NotEmpty(t, h.Name)
		}
		if hosts, err := inv.Expand(asked); err == nil {
			require.NotEmpty(t, hosts)
		}
		for i := range book.hosts {
			if rest, err := cutHost("f", []byte(text), i); err == nil {
				left, err := parseHosts("f", rest)
				require.NoError(t, err)
				require.Len(t, left.hosts, len(book.hosts)-1)
			}
		}
	})
}
