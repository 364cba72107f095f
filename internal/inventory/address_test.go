package inventory

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAddressIsSplitAsPeopleWriteIt(t *testing.T) {
	for s, want := range map[string]struct {
		host string
		port int
	}{
		"lab-01":              {"lab-01", 7},
		"lab-01.example.org.": {"lab-01.example.org.", 7},
		"lab_01:22":           {"lab_01", 22},
		"LAB:65535":           {"LAB", 65535},
		"a:1":                 {"a", 1},
		"192.0.2.7":           {"192.0.2.7", 7},
		"192.0.2.7:0080":      {"192.0.2.7", 80},
		"::1":                 {"::1", 7},
		"2001:DB8::0:1":       {"2001:db8::1", 7},
		"2001:db8::1:22":      {"2001:db8::1:22", 7},
		"[2001:db8::1]:22":    {"2001:db8::1", 22},
		"[::1]":               {"::1", 7},
		"fe80::1%eth0":        {"fe80::1%eth0", 7},
		"[fe80::1%eth0.5]:22": {"fe80::1%eth0.5", 22},
		"主机":                  {"主机", 7},
	} {
		host, port, err := ParseAddress(s, 7)
		require.NoError(t, err, s)
		assert.Equal(t, want.host, host, s)
		assert.Equal(t, want.port, port, s)
	}
}

func TestBadAddressIsRefusedByName(t *testing.T) {
	for s, want := range map[string]string{
		"":                       `address "" names no host`,
		":22":                    `address ":22" names no host`,
		"a:":                     `address "a:" has "" for a port, want a number from 1 to 65535`,
		"a:0":                    `address "a:0" has the port 0, want 1 to 65535`,
		"a:65536":                `address "a:65536" has the port 65536, want 1 to 65535`,
		"a:99999999999999999999": `address "a:99999999999999999999" has "99999999999999999999" for a port`,
		"a:+22":                  `address "a:+22" has "+22" for a port`,
		"a:-1":                   `address "a:-1" has "-1" for a port`,
		"a:２２":                   `address "a:２２" has "２２" for a port`,
		"a:ssh":                  `address "a:ssh" has "ssh" for a port`,
		"a:b:c":                  `address "a:b:c" has more than one : and is no IPv6 address`,
		"a::22":                  "", // an IPv6 address
		"-a":                     `address "-a" begins with - and would be taken for an option`,
		"-oProxyCommand=x:22":    `address "-oProxyCommand=x:22" begins with -`,
		"a b":                    `address "a b" has ' ' in it, which no host name has`,
		" a":                     `address " a" has ' ' in it`,
		"a\n":                    `address "a\n" has '\n' in it`,
		"a\x1b[31m":              `address "a\x1b[31m" has '\x1b' in it`,
		"a\u202eb":               `address "a\u202eb" has '\u202e' in it`,
		"a\xff":                  `address "a\xff" has`,
		"a\x00":                  `address "a\x00" has '\x00' in it`,
		"u@a":                    `address "u@a" has '@' in it`,
		"a/b":                    `address "a/b" has '/' in it`,
		"$(x)":                   `address "$(x)" has '$' in it`,
		"[a]":                    `address "[a]" has no IPv6 address in its [ ]`,
		"[192.0.2.7]:22":         `address "[192.0.2.7]:22" has no IPv6 address in its [ ]`,
		"[::1":                   `address "[::1" has no ] for its [`,
		"[::1]22":                `address "[::1]22" has something other than :PORT behind its ]`,
		"[::1]:":                 `address "[::1]:" has "" for a port`,
		"[]":                     `address "[]" has no IPv6 address`,
		"a]":                     `address "a]" has ']' in it`,
		"fe80::1%e/h":            `address "fe80::1%e/h" has a zone that is no name of an interface`,
		strings.Repeat("a", 254): "has a host name of 254 bytes, want at most 253",
		"%":                      `address "%" has '%' in it`,
		"lab[01-40]":             `address "lab[01-40]" has '[' in it`,
	} {
		_, _, err := ParseAddress(s, 7)
		if want == "" {
			assert.NoError(t, err, s)
			continue
		}
		assert.ErrorContains(t, err, want, s)
	}
	_, _, err := ParseAddress("a", 0)
	require.EqualError(t, err, `address "a" has the port 0, want 1 to 65535`)
}

func TestJoinedAddressIsSplitBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.OneOf(
			rapid.StringMatching(`[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}`),
			rapid.SampledFrom([]string{"192.0.2.7", "::1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.1"}),
		).Draw(t, "host")
		port := rapid.IntRange(1, 65535).Draw(t, "port")
		gotHost, gotPort, err := ParseAddress(net.JoinHostPort(host, strconv.Itoa(port)), 1)
		require.NoError(t, err)
		require.Equal(t, host, gotHost)
		require.Equal(t, port, gotPort)
	})
}

func FuzzAddressThatParsesIsSafeAndStable(f *testing.F) {
	for _, s := range []string{"a", "a:22", "[::1]:22", "fe80::1%eth0", "192.0.2.7:1", "-x", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, port, err := ParseAddress(s, DefaultPort)
		if err != nil {
			require.Empty(t, host)
			return
		}
		require.NotEmpty(t, host)
		require.NotEqual(t, byte('-'), host[0])
		require.False(t, strings.ContainsAny(host, " \t\r\n\x00\x1b/@[]$`'\""))
		require.True(t, port >= 1 && port <= 65535)
		again, samePort, err := ParseAddress(net.JoinHostPort(host, strconv.Itoa(port)), 1)
		require.NoError(t, err)
		require.Equal(t, host, again)
		require.Equal(t, port, samePort)
	})
}
