package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDestinationMatchesTheAddressAsItWasAsked(t *testing.T) {
	for pattern, cases := range map[string]map[string]bool{
		"db.lab:5432": {"db.lab:5432": true, "DB.Lab.:5432": true, "db.lab:5433": false, "db.lab:54321": false, "xdb.lab:5432": false, "db.lab": false},
		"*.lab:*":     {"a.b.lab:1": true, "lab:1": false, "a.lab.evil:1": false, "a.lab:65535": true},
		"10.0.0.?:22": {"10.0.0.7:22": true, "10.0.0.77:22": false, "10.0.0.7:2": false},
		"[::1]:80":    {"[::1]:80": true, "[0:0::1]:80": true, "127.0.0.1:80": false, "localhost:80": false},
		"127.0.0.1:*": {"127.0.0.1:9": true, "[::ffff:127.0.0.1]:9": true, "127.1:9": false, "localhost:9": false},
		"*:443":       {"anything:443": true, "[2001:db8::1]:443": true, "anything:444": false, ":443": true},
	} {
		d, err := ParseDestination(pattern)
		require.NoError(t, err, pattern)
		for address, want := range cases {
			assert.Equal(t, want, d.Match(address), "%s %s", pattern, address)
		}
	}
	for _, bad := range []string{"", "db", "db:", ":22", "db:0", "db:65536", "db:-1", "db:ss?", "::1:22", "[::1]", "db:022", "db:1:2"} {
		_, err := ParseDestination(bad)
		assert.Error(t, err, bad)
	}
}

func TestSem48_ForwardingIsFreeWithoutLimitsAndHeldByThem(t *testing.T) {
	const db, web = "db.lab:5432", "web.lab:80"
	for _, c := range []struct {
		lines []string
		may   []string
		not   []string
	}{
		{nil, []string{db, web}, nil},
		{[]string{`user = "a"`}, []string{db, web}, nil},
		{[]string{`forward = ["db.lab:5432"]`}, []string{db}, []string{web}},
		{[]string{`no_forward = true`}, nil, []string{db, web}},
		{[]string{`commands = ["uptime"]`}, nil, []string{db, web}},
		{[]string{`command = "uptime"`}, nil, []string{db, web}},
		{[]string{`sftp_root = "/srv"`}, nil, []string{db, web}},
		{[]string{`commands = ["uptime"]`, `forward = ["db.lab:5432"]`}, []string{db}, []string{web}},
		{[]string{`command = "uptime"`, `forward = ["db.lab:5432"]`}, []string{db}, []string{web}},
		{[]string{`sftp_root = "/srv"`, `forward = ["db.lab:5432"]`}, []string{db}, []string{web}},
	} {
		for _, address := range c.may {
			g, no := ask(t, Request{Kind: KindTCP, Address: address}, c.lines...)
			require.Nil(t, no, "%v %s", c.lines, address)
			assert.Equal(t, Grant{KeyID: "k"}, g)
		}
		for _, address := range c.not {
			g, no := ask(t, Request{Kind: KindTCP, Address: address}, c.lines...)
			require.NotNil(t, no, "%v %s", c.lines, address)
			assert.Equal(t, Grant{}, g)
		}
	}
	_, no := ask(t, Request{Kind: KindTCP, Address: web}, `forward = ["db.lab:5432"]`)
	assert.Equal(t, &Refusal{RuleForward, `key "k" may not forward to "web.lab:80"`}, no)
	_, no = ask(t, Request{Kind: KindTCP, Address: web}, `no_forward = true`)
	assert.Equal(t, &Refusal{RuleForward, `key "k" may forward nothing`}, no)
	_, no = ask(t, Request{Kind: KindListen}, `forward = ["*:*"]`)
	assert.NotNil(t, no, "a list of destinations says nothing of listeners")
}
