package inventory

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
)

func TestLabHasOneMasterAndAnEntryForItsHosts(t *testing.T) {
	inv := opened(t, "# mine\n")
	require.NoError(t, inv.NewLab("chem"))
	hosts, made, err := inv.Join("chem", "pc[01-40]", "10.0.0.%n")
	require.NoError(t, err)
	assert.Equal(t, "pc[01-40]", hosts.String())
	assert.Equal(t, "pc[01-40]", made.String())
	hosts, made, err = inv.Join("chem", "pc[39-41]", "10.0.0.%{n+1}")
	require.NoError(t, err)
	assert.Equal(t, "pc[39-41]", hosts.String())
	assert.Equal(t, "pc41", made.String(), "who is there already stays as it is")
	_, made, err = inv.Join("chem", "pc[01-41]", "")
	require.NoError(t, err)
	assert.Zero(t, made.Len())

	text, err := os.ReadFile(inv.path(hostsFile))
	require.NoError(t, err)
	assert.Equal(t, `# mine

[[host]]
name = "pc[01-40]"
address = "10.0.0.%n"
key = "chem"
tags = ["chem"]

[[host]]
name = "pc41"
address = "10.0.0.42"
key = "chem"
tags = ["chem"]
`, string(text))
	all, err := inv.Expand("@chem")
	require.NoError(t, err)
	assert.Len(t, all, 41)
	assert.Equal(t, "10.0.0.7:7522", all[6].String())

	labs, err := inv.Labs()
	require.NoError(t, err)
	require.Len(t, labs, 1)
	assert.Equal(t, "chem pc[01-41]", labs[0].Name+" "+labs[0].Hosts.String())
}

func TestHostsTokenOpensThatHostAlone(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.NewLab("chem"))
	_, _, err := inv.Join("chem", "PC[01-02]", "")
	require.NoError(t, err)
	master, err := inv.Token(Host{Key: "chem"})
	require.NoError(t, err)
	tok, err := inv.HostToken("chem", "PC01")
	require.NoError(t, err)
	assert.Equal(t, hmacauth.TokenHost, tok.Kind)
	assert.Equal(t, "pc01 chem", tok.ServerID+" "+tok.KeyID)
	assert.True(t, tok.Secret.Equal(master.Secret.ForHost("pc01")))
	other, err := inv.HostToken("chem", "PC02")
	require.NoError(t, err)
	assert.False(t, tok.Secret.Equal(other.Secret))

	h, err := inv.Find("PC01")
	require.NoError(t, err)
	cred, err := master.Credentials(h.ServerID)
	require.NoError(t, err)
	assert.True(t, cred.Secret.Equal(tok.Secret), "what the client proves with is what the daemon was given")
}

func TestHostMayHaveTheKeysOfTwoLabs(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.NewLab("chem"))
	require.NoError(t, inv.NewLab("chem-2"))
	_, _, err := inv.Join("chem", "pc[1-2]", "")
	require.NoError(t, err)
	old, err := inv.HostToken("chem", "pc1")
	require.NoError(t, err)
	next, err := inv.HostToken("chem-2", "pc1")
	require.NoError(t, err)
	assert.Equal(t, "pc1 chem-2", next.ServerID+" "+next.KeyID)
	assert.False(t, old.Secret.Equal(next.Secret))
	_, err = inv.HostToken("chem-2", "pc9")
	require.ErrorContains(t, err, `"pc9" is not known`)
}

func TestTokensAreWrittenOnePerHostAndNeverOverwritten(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.NewLab("chem"))
	hosts, _, err := inv.Join("chem", "pc[01-03]", "")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "out")
	require.NoError(t, inv.WriteTokens("chem", hosts, dir))
	for _, name := range hosts.Names() {
		tok, err := ReadTokenFile(filepath.Join(dir, name+".token")) // refuses what others may read
		require.NoError(t, err)
		assert.Equal(t, name, tok.ServerID)
	}
	require.NoError(t, inv.WriteTokens("chem", hosts, dir), "the same again")
	require.NoError(t, secretfile.Write(filepath.Join(dir, "pc02.token"), []byte("mine\n")))
	require.ErrorContains(t, inv.WriteTokens("chem", hosts, dir), "pc02.token is there already and is not this host's token: move it away first")
}

func TestLabRefusesWhatWouldNotWork(t *testing.T) {
	inv := opened(t, "[[host]]\nname = 'web'\nkey = 'web'\n[[host]]\nname = 'x*'\nkey = 'x'\n")
	for name, want := range map[string]string{
		"": "lab name is empty", "../x": "begins with .", "all": `lab name "all" is taken`, "Chem": "a lab's name is its key's id",
		"a,b": "has ',' in it", "化学": "a lab's name is its key's id",
	} {
		require.ErrorContains(t, inv.NewLab(name), want, name)
	}
	require.NoError(t, inv.NewLab("chem"))
	require.ErrorContains(t, inv.NewLab("chem"), "chem is there already: rexec lab ls shows which labs there are")
	require.NoError(t, inv.Add("db", hostToken("db")))

	for _, c := range []struct{ lab, expr, address, want string }{
		{"phys", "pc1", "", `lab "phys" is not known: make its key with rexec lab init phys`},
		{"db", "pc1", "", "is the key of one host, not a lab's"},
		{"chem", "web,pc1", "", `host "web" is there already, with the key web: take it out first with rexec host rm web, or say --also`},
		{"chem", "x7", "", `host "x7" is there already, with the key x: take it out first with rexec host rm x*`},
		{"chem", "pc[1-2", "", "character 3: [ without its ]"},
		{"chem", "a!a", "", "stands for no host"},
		{"chem", "pc[1-2]", "10.0.0.%q", `"address" is not good: for a host such as "pc1" it has a %`},
		{"chem", "pc[1-2]", "-x", `"address" is not good: begins with -`},
		{"chem", "pc1", "%2n", `address "%2n" has a % for a number that the name does not have`},
		{"chem", "lab", "", `host name "lab" is a verb of rexec`},
		{"chem", "-x[1-2]", "", "begins with -"},
	} {
		_, _, err := inv.Join(c.lab, c.expr, c.address)
		require.ErrorContains(t, err, c.want, c.expr)
	}
	assert.Len(t, inv.Hosts(), 3, "nothing was written")
	_, _, err := inv.Join("chem", "主机[1-2]", "")
	require.NoError(t, err)
	_, err = inv.HostToken("chem", "主机1")
	require.ErrorContains(t, err, "give its entry a server_id")
}

func TestGroupOfTheLabsNameIsLeftAlone(t *testing.T) {
	inv := opened(t, "[groups]\nchem = 'pc[1-9]'\n")
	require.NoError(t, inv.NewLab("chem"))
	_, _, err := inv.Join("chem", "pc[1-2]", "")
	require.NoError(t, err)
	h, err := inv.Find("pc1")
	require.NoError(t, err)
	assert.Empty(t, h.Tags)
}

func TestPlaceholdersCountTheBracketsThatWereTyped(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.NewLab("chem"))
	_, _, err := inv.Join("chem", "r[1]n[01-02].room5", "10.%1n.0.%n")
	require.NoError(t, err)
	h, err := inv.Find("r1n02.room5")
	require.NoError(t, err)
	assert.Equal(t, "10.1.0.2", h.Address)
}

func TestLabsTokenMayBeAddedForANodeSet(t *testing.T) {
	inv := opened(t, "")
	tok := labToken()
	tok.KeyID = "chem"
	require.NoError(t, inv.Add("pc[01-40]", tok))
	require.NoError(t, inv.Add("pc[01-40]", tok), "the same again")
	hosts, err := inv.Expand("@chem")
	require.NoError(t, err)
	assert.Len(t, hosts, 40)
	require.EqualError(t, inv.Add("w[1-2]", hostToken("x")), `host name "w[1-2]" is a pattern, and this token is for one host: name that host`)
	require.ErrorContains(t, inv.Add("w[2-1]", tok), "goes downwards")
}

func TestTokenOfAHostThatItsLabOpensAlreadyHidesNoEntry(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.NewLab("chem"))
	_, _, err := inv.Join("chem", "pc[01-02]", "10.0.0.%n")
	require.NoError(t, err)
	tok, err := inv.HostToken("chem", "pc01")
	require.NoError(t, err)
	require.NoError(t, inv.Add("pc01", tok))
	h, err := inv.Find("pc01")
	require.NoError(t, err)
	assert.Equal(t, "10.0.0.1 pc[01-02]", h.Address+" "+h.Pattern)
	assert.NoFileExists(t, inv.path(keysDir, "pc01"))

	tok.Address = "192.0.2.1"
	require.NoError(t, inv.Add("pc01", tok), "one that says where to dial is an entry")
	h, err = inv.Find("pc01")
	require.NoError(t, err)
	assert.Equal(t, "192.0.2.1", h.Address)
	other := hostToken("pc02")
	require.NoError(t, inv.Add("pc02", other), "and so is another key")
	h, err = inv.Find("pc02")
	require.NoError(t, err)
	assert.Equal(t, "pc02", h.Key)
}

func TestMasterStaysUntilTheLabGoes(t *testing.T) {
	inv := opened(t, "[[host]]\nname = 'web'\nkey = 'web'\n")
	require.NoError(t, inv.NewLab("chem"))
	_, _, err := inv.Join("chem", "pc[1-3]", "")
	require.NoError(t, err)
	for _, name := range []string{"pc1", "pc2", "web", "10.0.0.1:1"} {
		require.NoError(t, inv.SetPin(name, pinOf('1')))
	}
	require.NoError(t, inv.Remove("pc[1-3]"))
	_, err = inv.Token(Host{Key: "chem"})
	require.NoError(t, err)
	assert.Nil(t, inv.Pin("pc1"), "pins go with the entry of their hosts")
	assert.NotNil(t, inv.Pin("web"))
	assert.NotNil(t, inv.Pin("10.0.0.1:1"))

	_, _, err = inv.Join("chem", "pc[1-3]", "")
	require.NoError(t, err)
	_, _, err = inv.Join("chem", "gate", "192.0.2.1")
	require.NoError(t, err)
	require.NoError(t, inv.SetPin("pc3", pinOf('1')))
	require.NoError(t, inv.RemoveLab("chem"))
	assert.Len(t, inv.Hosts(), 1)
	assert.Nil(t, inv.Pin("pc3"))
	_, err = inv.Token(Host{Key: "chem"})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, inv.RemoveLab("chem"), `lab "chem" is not known`)
	require.ErrorContains(t, inv.RemoveLab("web"), "is not known")
}
