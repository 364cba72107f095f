//go:build unix

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInputHostsFileThatIsWrongIsRefusedWithItsRow(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	hosts := filepath.Join(p.config, "rexec", "hosts.toml")
	for _, c := range []struct{ name, text, says string }{
		{"an unknown key", "[[host]]\nname = \"box\"\nadress = \"h\"\n", `:3:1: "adress" is not known here, want one of .*address`},
		{"an unknown key at the top", "colour = 1\n", `:1:1: "colour" is not known here`},
		{"several faults", "colour = 1\nsize = 2\n", `:1:1: "colour" is not known.*; .*:2:1: "size" is not known`},
		{"no TOML", "[[host\n", `:1:`},
		{"port 0", "[[host]]\nname = \"box\"\naddress = \"h\"\nport = 0\n", `:4:1: .*port.* 1 to 65535`},
		{"port 65536", "[[host]]\nname = \"box\"\naddress = \"h\"\nport = 65536\n", `:4:1: .*port.* 1 to 65535`},
		{"port 65536 in the address", "[[host]]\nname = \"box\"\naddress = \"h:65536\"\n", `:3:1: .* 1 to 65535`},
		{"a name that is an option", "[[host]]\nname = \"-oX\"\naddress = \"h\"\n", `:2:1: "name"`},
		{"a name twice", "[[host]]\nname = \"box\"\n[[host]]\nname = \"box\"\n", `:4:1: "name" "box" is in the file twice`},
		{"a port in words", "[[host]]\nname = \"box\"\nport = \"22\"\n", `:3:`},
	} {
		require.NoError(t, os.WriteFile(hosts, []byte(c.text), 0o600))
		for _, args := range [][]string{{"box", "true"}, {"host", "ls"}} {
			ours(t, p.run(p.rexec(args...), ""), 255, "^rexec: .*hosts.toml"+c.says, good)
		}
	}
}

func TestInputDaemonsFilesThatAreWrongAreRefusedWithTheReason(t *testing.T) {
	p := start(t)
	p.stop()
	good := p.tokenText()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(p.state, name))
		require.NoError(t, err)
		return string(b)
	}
	conf, ring := read("rexecd.toml"), read("keyring.toml")
	key := ring[strings.Index(ring, "[[key]]"):]
	twice := strings.Replace(ring, "keys = 1", "keys = 2", 1) + "\n" + key
	for _, c := range []struct{ name, file, text, says string }{
		{"an unknown key", "rexecd.toml", conf + "lisen = 1\n", `rexecd.toml:5:1: "lisen" is not known here, want one of .*listen`},
		{"no TOML", "rexecd.toml", "names = [\n", `rexecd.toml:\d+:\d+: `},
		{"port 0", "rexecd.toml", strings.Replace(conf, fmt.Sprint(":", p.port), ":0", 1), `rexecd.toml:2:1: "listen" .*the port must be 1 to 65535`},
		{"port 65536", "rexecd.toml", strings.Replace(conf, fmt.Sprint(":", p.port), ":65536", 1), `rexecd.toml:2:1: "listen" .*the port must be 1 to 65535`},
		{"a shell that is no path", "rexecd.toml", strings.Replace(conf, "/bin/sh", "sh", 1), `rexecd.toml:3:1: "shell" must be a whole path`},
		{"an unknown key of the ring", "keyring.toml", ring + "colour = 1\n", `keyring.toml:\d+:1: "colour" is not known here`},
		{"a ring that was cut", "keyring.toml", ring[:len(ring)-5], `keyring.toml:\d+:\d+: `},
		{"a ring that was cut between keys", "keyring.toml", strings.Replace(ring, "keys = 1", "keys = 2", 1), `keyring.toml:\d+:1: "keys" says 2, but there are 1: the file was cut short`},
		{"an empty ring", "keyring.toml", "", `keyring.toml:1:1: no \[\[key\]\] in it`},
		{"a host key that is none", "host.key", "garbage\n", `host.key: not a host key: .*: put back`},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := read(c.file)
			path := filepath.Join(p.state, c.file)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			for _, args := range [][]string{{"serve"}, {}, {"check"}} {
				ours(t, p.run(p.command("rexecd", append(args, "--state", p.state)...), ""), 1, "^rexecd: .*"+c.says, good)
			}
			require.NoError(t, os.WriteFile(path, []byte(was), 0o600))
		})
	}
	require.NoError(t, os.WriteFile(filepath.Join(p.state, "keyring.toml"), []byte(twice), 0o600))
	o := p.run(p.command("rexecd", "serve", "--state", p.state), "")
	assert.Equal(t, 1, o.code)
	assert.Regexp(t, `(?m)^rexecd: .*keyring.toml:\d+:1: .*twice|^rexecd: .*same`, o.stderr)
	keepsQuiet(t, o.stderr, good)
	require.NoError(t, os.WriteFile(filepath.Join(p.state, "keyring.toml"), []byte(ring), 0o600))
	p.serve()
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""))
}

func TestInputDaemonsSecretsThatOthersMayReachAreRefused(t *testing.T) {
	p := start(t)
	p.stop()
	good := p.tokenText()
	for _, file := range []string{"keyring.toml", "host.key"} {
		path := filepath.Join(p.state, file)
		was, err := os.ReadFile(path)
		require.NoError(t, err)
		for name, bad := range spoil {
			require.NoError(t, bad.do(path), name)
			within(t, time.Second, func() {
				ours(t, p.run(p.command("rexecd", "serve", "--state", p.state), ""), 1, "^rexecd: .*"+path+".*"+bad.says, good)
			})
			require.NoError(t, os.RemoveAll(path))
			require.NoError(t, os.RemoveAll(path+".real"))
			require.NoError(t, os.WriteFile(path, was, 0o600))
		}
	}
	path := filepath.Join(p.state, "rexecd.toml")
	require.NoError(t, spoil["a FIFO"].do(path))
	within(t, time.Second, func() {
		ours(t, p.run(p.command("rexecd", "serve", "--state", p.state), ""), 1, "^rexecd: .*rexecd.toml is no regular file: ")
	})
}

func TestInputInitRefusesWhatCannotBeServed(t *testing.T) {
	p := start(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--listen", "127.0.0.1:0"}, "the port must be 1 to 65535"},
		{[]string{"--listen", "127.0.0.1:65536"}, "the port must be 1 to 65535"},
		{[]string{"--listen", "127.0.0.1:ssh"}, "the port must be 1 to 65535"},
		{[]string{"--listen", "a:b:c"}, "must be HOST:PORT"},
		{[]string{"--listen", "WORD"}, `option --listen: this machine does not know an address of "WORD": give one of its own`},
		{[]string{"--listen", "a b:7522"}, `"a b" is neither an address nor the name of a host`},
		{[]string{"--advertise", "http://box"}, "option --advertise: .*the port must be 1 to 65535"},
		{[]string{"--advertise", "h:0"}, "the port must be 1 to 65535"},
		{[]string{"--name", "A B"}, "say --name NAME"},
		{[]string{"--name", strings.Repeat("n", 65)}, "say --name NAME"},
		{[]string{"--bogus"}, "unknown flag: --bogus: try rexecd init --help"},
		{[]string{"word"}, "try rexecd init --help"},
	} {
		state := filepath.Join(t.TempDir(), "state")
		ours(t, p.run(p.command("rexecd", append([]string{"init", "--state", state}, c.args...)...), ""), 1, "^rexecd: .*"+c.says)
		assert.NoFileExists(t, filepath.Join(state, "keyring.toml"))
	}
	ours(t, p.run(p.command("rexecd", "init", "--state", p.state), ""), 1, "^rexecd: .* is there already: this machine is set up; for another token say rexecd key add ID, for another daemon --state DIR", p.tokenText())
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""), "what was there is as it was")
}

func TestInputAddressThatCannotBeListenedOn(t *testing.T) {
	p := start(t)
	p.stop()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
	require.NoError(t, err)
	defer l.Close()
	ours(t, p.run(p.command("rexecd", "serve", "--state", p.state), ""), 1,
		fmt.Sprintf("^rexecd: cannot listen on 127.0.0.1:%d: .*address already in use: see who else listens there, or change listen in .*rexecd.toml", p.port))
	ours(t, p.run(p.command("rexecd", "serve", "--state", "/no/such/folder"), ""), 1, "^rexecd: no /no/such/folder/rexecd.toml: set this machine up with rexecd init")
}
