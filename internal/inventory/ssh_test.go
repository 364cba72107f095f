package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sshHome is a home folder with that .ssh/config.
func sshHome(t *testing.T, config string) string {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte(config), 0o600))
	return home
}

const sshHosts = `import = "ssh"
[[host]]
name = "gw"
[[host]]
name = "fixed"
address = "192.0.2.9"
[[host]]
name = "own"
port = 7000
user = "me"
[[host]]
name = "lab[1-3]"
key = "chem"
`

func TestAddressPortAndUserComeFromSSHWhenAsked(t *testing.T) {
	home := sshHome(t, "Host gw fixed own lab*\n HostName %h.example\n User bob\n Port 2222\nMatch user x\n User no\n")
	inv := opened(t, sshHosts)
	var told []string
	inv.UseSSH(home, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })
	assert.Empty(t, told, "not read before a host is looked up")
	for name, want := range map[string]string{
		"gw": "gw.example:2222 bob", "fixed": "192.0.2.9:7522 bob", "own": "own.example:7000 me", "lab2": "lab2.example:2222 bob",
		"gw.example": "gw.example:2222 bob",
	} {
		h, err := inv.Find(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, h.String()+" "+h.User, name)
	}
	require.Len(t, told, 1, "read once")
	assert.Contains(t, told[0], "config:5: what is under Match is not read")
	require.NoError(t, inv.Add("new", hostToken("new")))
	h, err := inv.Find("gw")
	require.NoError(t, err)
	assert.Equal(t, "bob", h.User, "also after a change")
}

func TestSSHIsNotReadUnasked(t *testing.T) {
	inv := opened(t, "[[host]]\nname = 'gw'\n")
	inv.UseSSH(sshHome(t, "Port x\n"), t.Logf)
	h, err := inv.Find("gw")
	require.NoError(t, err)
	assert.Equal(t, "gw:7522", h.String())
}

func TestBadSSHFileIsSaid(t *testing.T) {
	inv := opened(t, sshHosts)
	inv.UseSSH(sshHome(t, "Host gw\n Port ssh\n"), t.Logf)
	_, err := inv.Find("gw")
	require.ErrorContains(t, err, `hosts.toml has import = "ssh": `)
	require.ErrorContains(t, err, `config:2: the Port "ssh" is no number from 1 to 65535`)

	inv = opened(t, sshHosts)
	inv.UseSSH(t.TempDir(), func(string, ...any) {})
	h, err := inv.Find("gw")
	require.NoError(t, err, "a missing file is empty")
	assert.Equal(t, "gw:7522", h.String())
}
