package inventory

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const aLab = `
[[host]]
name = "lab[01-40]"
key = "chem"
address = "10.0.0.%{n+100}:7600"
tags = ["chem"]
os = "windows"
encoding = "gbk"
shell = ["powershell", "-Command"]

[groups]
row1 = "lab[01-10]"
rest = "@chem!@row1"
gpu = "gpu[1-2]"
spare = "@all!@chem"
web = "w*"

[[host]]
name = "lab07"
address = "192.0.2.7"
tags = ["odd"]

[[host]]
name = "r[1-2]n[01-03]"
address = "10.%1n.0.%n"
server_id = "node-%1N-%2N"
key = "rack"

[[host]]
name = "web"
aliases = ["www"]
user = "operator"

[[host]]
name = "gpu*"
key = "gpu"
`

func names(hosts []Host) string {
	var all []string
	for _, h := range hosts {
		all = append(all, h.Name)
	}
	return strings.Join(all, " ")
}

func TestEntryForManyHostsFillsInNameAndNumber(t *testing.T) {
	inv := opened(t, aLab)
	h, err := inv.Find("lab03")
	require.NoError(t, err)
	assert.Equal(t, Host{
		Name: "lab03", Pattern: "lab[01-40]", Address: "10.0.0.103:7600", Key: "chem", ServerID: "lab03", OS: "windows",
		Encoding: "gbk", Shell: []string{"powershell", "-Command"}, Tags: []string{"chem"},
	}, h)
	assert.Equal(t, "3", h.Number())

	h, err = inv.Find("r2n03")
	require.NoError(t, err)
	assert.Equal(t, "10.2.0.3:7522", h.String())
	assert.Equal(t, "node-2-03", h.ServerID)

	h, err = opened(t, "[[host]]\nname = 'web[02-09]-v3'\nkey = 'k'\n").Find("web02-v3")
	require.NoError(t, err)
	assert.Equal(t, "2", h.Number(), "that of the brackets, though another is the last in the name")

	h, err = inv.Find("lab07")
	require.NoError(t, err)
	assert.Equal(t, "192.0.2.7", h.Address, "an entry of its own goes first wherever it stands")
	assert.Equal(t, "7", h.Number())
	h, err = inv.Find("web")
	require.NoError(t, err)
	assert.Empty(t, h.Number())

	for _, name := range []string{"lab3", "lab41", "lab003", "lab[01-40]", "r3n01", "lab"} {
		_, err := inv.Find(name)
		var unknown *UnknownHost
		require.ErrorAs(t, err, &unknown, name)
	}
}

func TestHostIsFoundByTheAddressItsEntryMakes(t *testing.T) {
	inv := opened(t, aLab)
	for address, want := range map[string]string{"10.0.0.108": "lab08", "10.0.0.108:7600": "lab08", "10.2.0.3": "r2n03"} {
		h, err := inv.Find(address)
		require.NoError(t, err, address)
		assert.Equal(t, want, h.Name)
	}
	for _, address := range []string{"10.0.0.108:1", "10.0.0.107"} {
		_, err := inv.Find(address)
		require.Error(t, err, "%s: lab07 has another", address)
	}
}

func TestTextsOfAnEntryForMany(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "%h": "r2-n007", "10.0.%1n.%n": "10.0.2.7", "%N": "007", "%1N%2N": "2007", "%%n": "%n",
		"%{n+100}": "107", "%{1n-2}": "0", "%{n}": "7", "x%h.y%n": "xr2-n007.y7",
		"%": "!has a % that stands for nothing", "%x": "!stands for nothing", "%{n+}": "!stands for nothing", "%0n": "!stands for nothing",
		"%{n+1234567890}": "!stands for nothing", "%{n+1x}": "!stands for nothing", "%{0n}": "!stands for nothing", "%{N}": "!stands for nothing",
		"%{}": "!stands for nothing", "%2h": "!stands for nothing", "%{2n+1}%": "!stands for nothing", "%{2n+1}%2N": "8007", "%1": "!stands for nothing",
		"%3n": "!that the name does not have", "%{n-8}": "!makes 7-8, which is no number", "%{n": "!stands for nothing",
	} {
		got, err := substitute(text, "r2-n007", []string{"2", "007"})
		if refused, ok := strings.CutPrefix(want, "!"); ok {
			assert.ErrorContains(t, err, refused, text)
			continue
		}
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	got, err := substitute("%n", "a000", []string{"000"})
	require.NoError(t, err)
	assert.Equal(t, "0", got)
	inv := opened(t, "[[host]]\nname = 'x*'\nkey = 'k'\naddress = '10.0.0.%n'\n")
	h, err := inv.Find("x4")
	require.NoError(t, err)
	assert.Equal(t, "10.0.0.4", h.Address)
	_, err = inv.Find("xy")
	require.ErrorContains(t, err, `host "xy" by the entry "x*": its text`)
}

func TestSem53_ExpressionBecomesHosts(t *testing.T) {
	inv := opened(t, aLab)
	for expr, want := range map[string]string{
		"lab[01-03]":                 "lab01 lab02 lab03",
		"lab[05-08]!lab07,web":       "lab05 lab06 lab08 web",
		"@row1&lab[09-20]":           "lab09 lab10",
		"@rest&lab[09-12]":           "lab11 lab12",
		"@odd":                       "lab07",
		"@chem&lab0[6-8]":            "lab06 lab07 lab08",
		"@gpu":                       "gpu1 gpu2",
		"@spare":                     "gpu1 gpu2 r1n01 r1n02 r1n03 r2n01 r2n02 r2n03 web",
		"@all!@chem":                 "gpu1 gpu2 r1n01 r1n02 r1n03 r2n01 r2n02 r2n03 web",
		"@*!@chem!r*":                "gpu1 gpu2 web",
		"www,web":                    "web",
		"192.0.2.7,lab07,10.0.0.101": "lab01 lab07",
		"@web":                       "web",
		"lab07":                      "lab07",
	} {
		hosts, err := inv.Expand(expr)
		require.NoError(t, err, expr)
		assert.Equal(t, want, names(hosts), expr)
	}
	hosts, err := inv.Expand("@all")
	require.NoError(t, err)
	assert.Len(t, hosts, 40+6+1+2)
}

func TestExpressionThatHasNoHostsSaysWhy(t *testing.T) {
	inv := opened(t, aLab)
	for expr, want := range map[string]string{
		"lab[39-42],x": "hosts lab[41-42],x are not known: rexec host ls shows which are",
		"lab[40-41]":   `host "lab41" is not known: add it with rexec host add lab41`,
		"nobody":       `host "nobody" is not known: add it`,
		"@chme":        `node set "@chme": group "chme" is not known: rexec host ls --groups shows which there are`,
		"lab01!lab01":  `node set "lab01!lab01" stands for no host`,
		"lab[":         "character 4: [ without its ]",
		"lab[1-99999]": "stands for 99999 names, more than 65536",
		"@all&z*":      `stands for no host`,
	} {
		_, err := inv.Expand(expr)
		assert.ErrorContains(t, err, want, expr)
	}
	_, err := inv.Find("web*")
	require.EqualError(t, err, `host "web*" is not known: for all hosts of such names write '@all&web*'`)
}

func TestGroupsAreListedWithTheirHosts(t *testing.T) {
	groups, err := opened(t, aLab).Groups()
	require.NoError(t, err)
	var list []string
	for _, g := range groups {
		list = append(list, fmt.Sprintf("%s %v %s", g.Name, g.Tag, g.Hosts))
	}
	assert.Equal(t, []string{
		"gpu false gpu[1-2]", "rest false lab[11-40]", "row1 false lab[01-10]",
		"spare false gpu[1-2],r[1-2]n[01-03],web", "web false web", "chem true lab[01-40]", "odd true lab07",
	}, list)
}

func TestManyHostsAreFoundQuickly(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "[[host]]\nname = \"h%d\"\naddress = \"10.0.%d.%d\"\n", i, i/250, i%250)
	}
	text.WriteString("[[host]]\nname = \"n[00001-60000]\"\nkey = \"k\"\n")
	inv := opened(t, text.String())
	before := time.Now()
	hosts, err := inv.Expand("h[0-4999],n[00001-60000]")
	require.NoError(t, err)
	assert.Len(t, hosts, 65000)
	_, err = inv.Expand("10.0.0.[0-249],10.0.1.[0-249]")
	require.NoError(t, err)
	assert.Less(t, time.Since(before), 10*time.Second)
}

func TestGroupsStayWhenHostsGo(t *testing.T) {
	inv := opened(t, "[[host]]\nname = 'a'\n\n# of mine\n[groups]\ng = 'b,@t'\n\n# the second\n[[host]]\nname = 'b'\n[[host]]\nname='c'\ntags = ['t']\n")
	require.NoError(t, inv.Remove("a"))
	require.NoError(t, inv.Remove("b"))
	text, err := os.ReadFile(inv.path(hostsFile))
	require.NoError(t, err)
	assert.Equal(t, "\n# of mine\n[groups]\ng = 'b,@t'\n\n# the second\n[[host]]\nname='c'\ntags = ['t']\n", string(text))
	require.ErrorContains(t, inv.Remove("c"), "without host c the file would be wrong, change it by hand: ")
	require.NoError(t, inv.Add("z", hostToken("z")), "and hosts can be added behind them")

	last := opened(t, "[[host]]\nname = 'a'\n[groups]\ng = 'b'\n")
	require.NoError(t, last.Remove("a"))
	set, err := last.Resolve("@g")
	require.NoError(t, err)
	assert.Equal(t, "b", set.String())
}
