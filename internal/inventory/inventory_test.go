package inventory

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
)

// hostToken is a token with a new secret.
func hostToken(id string) hmacauth.Token {
	return hmacauth.Token{
		Kind: hmacauth.TokenHost, KeyID: "admin", Secret: hmacauth.NewSecret(), ServerID: id,
		Pin: pinOf('p'), Address: id + ".example:7522",
	}
}

func labToken() hmacauth.Token {
	return hmacauth.Token{Kind: hmacauth.TokenLab, KeyID: "lab@school", Secret: hmacauth.NewSecret()}
}

func pinOf(c byte) []byte { return []byte(strings.Repeat(string(rune(c)), 32)) }

// opened is an inventory whose hosts.toml has that text.
func opened(t *testing.T, hosts string) *Inventory {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rexec")
	require.NoError(t, secretfile.MkdirPrivate(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, hostsFile), []byte(hosts), 0o644))
	inv, err := Open(dir)
	require.NoError(t, err)
	return inv
}

func TestFolderIsTheUsersConfiguration(t *testing.T) {
	env := func(value string) func(string) string {
		return func(name string) string {
			if name == "XDG_CONFIG_HOME" {
				return value
			}
			return ""
		}
	}
	root := t.TempDir()
	assert.Equal(t, filepath.Join(root, "rexec"), DefaultDir(env(root), "/home/a"))
	assert.Equal(t, filepath.Join(root, ".config", "rexec"), DefaultDir(env(""), root))
	assert.Equal(t, filepath.Join(root, ".config", "rexec"), DefaultDir(env("relative"), root))
	assert.Empty(t, DefaultDir(env(""), ""))
}

func TestMissingFolderIsAnEmptyInventory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "rexec")
	inv, err := Open(dir)
	require.NoError(t, err)
	assert.Empty(t, inv.Hosts())
	assert.Nil(t, inv.Pin("a"))
	_, err = inv.Find("a")
	var unknown *UnknownHost
	require.ErrorAs(t, err, &unknown)
	_, err = os.Stat(dir)
	require.ErrorIs(t, err, fs.ErrNotExist, "looking makes nothing")
}

func TestAddedHostIsFoundByEveryProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "rexec")
	inv, err := Open(dir)
	require.NoError(t, err)
	tok := hostToken("db1")
	require.NoError(t, inv.Add("db", tok))
	want := Host{Name: "db", Address: "db1.example:7522", Key: "db", ServerID: "db1"}
	for _, reader := range []func() (*Inventory, error){
		func() (*Inventory, error) { return inv, nil },
		func() (*Inventory, error) { return Open(dir) },
	} {
		inv, err := reader()
		require.NoError(t, err)
		got, err := inv.Find("db")
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, []Host{want}, inv.Hosts())
		back, err := inv.Token(got)
		require.NoError(t, err)
		assert.Equal(t, tok.Encode(), back.Encode())
	}
	text, err := os.ReadFile(filepath.Join(dir, hostsFile))
	require.NoError(t, err)
	assert.NotContains(t, string(text), tok.Secret.Reveal(), "no secret in hosts.toml")
	assert.NotContains(t, string(text), "rxt1_")
}

func TestAddingTheSameAgainChangesNothing(t *testing.T) {
	inv := opened(t, "")
	tok := hostToken("db1")
	require.NoError(t, inv.Add("db", tok))
	before, err := os.ReadFile(inv.path(hostsFile))
	require.NoError(t, err)
	require.NoError(t, inv.Add("db", tok))
	after, err := os.ReadFile(inv.path(hostsFile))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func TestNameThatIsTakenIsRefused(t *testing.T) {
	inv := opened(t, "[[host]]\nname = 'web'\naliases = ['www']\n")
	require.NoError(t, inv.Add("db", hostToken("db1")))
	require.EqualError(t, inv.Add("db", hostToken("db1")),
		`host "db" is there already: take it out first with rexec host rm db`)
	require.EqualError(t, inv.Add("www", hostToken("x")),
		`host "www" is there already: take it out first with rexec host rm web`)
	assert.Len(t, inv.Hosts(), 2)
}

func TestBadNamesAndTokensAreNotAdded(t *testing.T) {
	inv := opened(t, "")
	for name, want := range map[string]string{
		"lab": "is a verb of rexec", "../x": "begins with .", "a/b": "has '/' in it", "-i": "begins with -", "": "is empty",
		"lab-*": `host name "lab-*" is a pattern, and this token is for one host`,
	} {
		require.ErrorContains(t, inv.Add(name, hostToken("x")), want, name)
	}
	require.ErrorContains(t, inv.Add("x", hmacauth.Token{}), "token kind")
	bad := hostToken("x")
	bad.Address = "-oProxy"
	require.ErrorContains(t, inv.Add("x", bad), `the token's address "-oProxy" begins with -`)
	lab := labToken()
	require.ErrorContains(t, inv.Add("主机", lab), "a lab's host is known by its name")
	lab.KeyID = "..x"
	require.ErrorContains(t, inv.Add("lab-*", lab), `key name "..x" begins with .`)
	assert.Empty(t, inv.Hosts())
	_, err := os.Stat(inv.path(keysDir))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestForeignKeyFileIsNotOverwritten(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, secretfile.MkdirPrivate(inv.path(keysDir)))
	require.NoError(t, secretfile.Write(inv.path(keysDir, "db"), []byte("mine")))
	require.ErrorContains(t, inv.Add("db", hostToken("db1")), "is there already and holds another key: move it away first")
	got, err := secretfile.Read(inv.path(keysDir, "db"), 100)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(got))
	assert.Empty(t, inv.Hosts())
}

func TestLabsHostsShareOneKeyAndHaveTheirOwnSecret(t *testing.T) {
	inv := opened(t, "")
	lab := labToken()
	require.NoError(t, inv.Add("lab-*", lab))
	h, err := inv.Find("lab-07")
	require.NoError(t, err)
	assert.Equal(t, Host{Name: "lab-07", Pattern: "lab-*", Key: "lab@school", ServerID: "lab-07"}, h)
	tok, err := inv.Token(h)
	require.NoError(t, err)
	cred, err := tok.Credentials(h.ServerID)
	require.NoError(t, err)
	assert.True(t, cred.Secret.Equal(lab.Secret.ForHost("lab-07")))

	h, err = inv.Find("LAB-07")
	require.Error(t, err, "patterns are exact about case: %v", h)
	require.NoError(t, inv.Add("gate", lab), "one host of the lab, by itself")
	h, err = inv.Find("gate")
	require.NoError(t, err)
	assert.Equal(t, "gate", h.ServerID)
	require.NoError(t, inv.Remove("lab-*"))
	_, err = inv.Find("lab-07")
	require.Error(t, err)
}

func TestRemovedHostTakesKeyAndPinAlong(t *testing.T) {
	inv := opened(t, "# mine\n")
	tok := hostToken("db1")
	require.NoError(t, inv.Add("db", tok))
	require.NoError(t, inv.SetPin("db", pinOf('x')))
	require.NoError(t, inv.Remove("db"))
	_, err := inv.Find("db")
	require.Error(t, err)
	assert.Nil(t, inv.Pin("db"))
	_, err = os.Stat(inv.path(keysDir, "db"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, inv.Remove("db"), `host "db" has no entry: rexec host ls shows which there are`)
	require.NoError(t, inv.Add("db", hostToken("db2")), "the name is free again")

	shared := opened(t, "[[host]]\nname = 'a'\nkey = 'k'\n[[host]]\nname = 'b'\nkey = 'k'\n")
	require.NoError(t, secretfile.MkdirPrivate(shared.path(keysDir)))
	require.NoError(t, secretfile.Write(shared.path(keysDir, "k"), []byte(tok.Encode())))
	require.NoError(t, shared.Remove("a"))
	h, err := shared.Find("b")
	require.NoError(t, err)
	_, err = shared.Token(h)
	require.NoError(t, err, "the other one still needs it")
}

func TestWhatPeopleWroteStays(t *testing.T) {
	inv := opened(t, `# my hosts

# the first
[[host]]
name = "a"   # short

# the second
[[host]]
name = "b"
# about its user
user = "u"

# the third

[[host]]
name = "c"`)
	require.NoError(t, inv.Remove("b"))
	require.NoError(t, inv.Add("d", hostToken("d1")))
	got, err := os.ReadFile(inv.path(hostsFile))
	require.NoError(t, err)
	assert.Equal(t, `# my hosts

# the first
[[host]]
name = "a"   # short

# the second

# the third

[[host]]
name = "c"

[[host]]
name = "d"
address = "d1.example:7522"
key = "d"
server_id = "d1"
`, string(got))
}

func TestOddLayoutIsNotEditedBlindly(t *testing.T) {
	inv := opened(t, "host = [{name = 'a'},\n{name = 'b'}]\n")
	require.ErrorContains(t, inv.Remove("a"), "is laid out in a way that rexec cannot edit: take the host out by hand")
	require.Error(t, inv.Add("c", hostToken("c")), "nor does adding break the file")
	again, err := Open(inv.dir)
	require.NoError(t, err)
	assert.Len(t, again.Hosts(), 2)
}

func TestManyProcessesAddWithoutLosingOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rexec")
	var workers sync.WaitGroup
	names := strings.Fields("a b c d e f g i")
	for _, name := range names {
		workers.Go(func() {
			inv, err := Open(dir)
			if assert.NoError(t, err) {
				assert.NoError(t, inv.Add(name, hostToken(name)))
				assert.NoError(t, inv.SetPin(name, pinOf(name[0])))
			}
		})
	}
	workers.Wait()
	inv, err := Open(dir)
	require.NoError(t, err)
	assert.Len(t, inv.Hosts(), len(names))
	for _, name := range names {
		assert.Equal(t, pinOf(name[0]), inv.Pin(name))
	}
}

func TestAddedAndRemovedHostsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`|[a-z"'\\é张 ]{1,9}`)
		var data []byte
		var want []Host
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z][a-z0-9._-]{1,6}`), 1, 4, rapid.ID).Draw(t, "names")
		for _, name := range names {
			if ValidateName(name) != nil {
				continue
			}
			h := Host{
				Name: name, Address: rapid.SampledFrom([]string{"", "a.example", "[::1]"}).Draw(t, "address"),
				Port: rapid.IntRange(0, 65535).Draw(t, "port"), User: text.Draw(t, "user"), Encoding: rapid.SampledFrom([]string{"", "auto", "gbk", "cp1252"}).Draw(t, "encoding"),
				ServerID: rapid.StringMatching(`[a-z@.]{0,5}`).Draw(t, "id"),
			}
			data = appendHost(data, h)
			want = append(want, h)
			data = append(data, rapid.SampledFrom([]string{"", "\n", "# x\n", "\n\n# y\n\n"}).Draw(t, "between")...)
		}
		got, err := parseHosts("f", data)
		require.NoError(t, err, string(data))
		require.Equal(t, want, got.hosts)
		for len(want) > 0 {
			i := rapid.IntRange(0, len(want)-1).Draw(t, "cut")
			data, err = cutHost("f", data, i)
			require.NoError(t, err)
			want = append(want[:i:i], want[i+1:]...)
			got, err = parseHosts("f", data)
			require.NoError(t, err)
			require.Len(t, got.hosts, len(want))
			for j := range want {
				require.Equal(t, want[j], got.hosts[j])
			}
		}
	})
}
