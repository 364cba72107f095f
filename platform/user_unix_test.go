//go:build unix

package platform

import (
	"os/user"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRootIsKnown(t *testing.T) {
	u, err := new(Users).Lookup("root")
	require.NoError(t, err)
	assert.Zero(t, u.UID)
	assert.NotEmpty(t, u.Home)
	assert.NotEmpty(t, u.Shell)
	assert.Contains(t, u.Groups, u.GID)
}

func TestTheCurrentUserHasThisProcesssIds(t *testing.T) {
	u, err := new(Users).Current()
	require.NoError(t, err)
	assert.Equal(t, unix.Geteuid(), int(u.UID))
	assert.NotEmpty(t, u.Name)
	assert.NotEmpty(t, u.Shell)
}

func TestUnknownAndOddNamesAreNobody(t *testing.T) {
	for _, name := range []string{"", "no-such-user-here", "-s", "root:", "a/b", "root\n", "root\x00", "0"} {
		_, err := new(Users).Lookup(name)
		var unknown user.UnknownUserError
		assert.ErrorAs(t, err, &unknown, "%q", name)
	}
}

const passwd = `# a comment
root:x:0:0:root:/root:/bin/bash
short:x:1
bad:x:one:2::/:/bin/sh
big:x:4294967296:2::/:/bin/sh
+::::::
li:x:1001:1002:李:/home/li:
li:x:1003:1004::/elsewhere:/bin/false
`

func TestPasswdLinesAreReadAsTheyAre(t *testing.T) {
	named := func(name string) func([]string) bool { return func(f []string) bool { return f[0] == name } }
	u, ok := passwdEntry(passwd, named("root"))
	assert.True(t, ok)
	assert.Equal(t, User{Name: "root", Home: "/root", Shell: "/bin/bash"}, u)
	u, ok = passwdEntry(passwd, named("li"))
	assert.True(t, ok)
	assert.Equal(t, User{Name: "li", UID: 1001, GID: 1002, Home: "/home/li", Shell: "/bin/sh"}, u, "the first counts")
	for _, name := range []string{"short", "bad", "big", "+", "# a comment", ""} {
		_, ok = passwdEntry(passwd, named(name))
		assert.False(t, ok, name)
	}
}

func TestGroupsAreThoseThatNameTheUser(t *testing.T) {
	const text = "root:x:0:\nwheel:x:10:root,li\nli:x:1002:\nlili:x:7:lili\nx:x:bad:li\nbroken:li\nlast:x:11:li"
	assert.Equal(t, []uint32{10, 11}, groupsOf(text, "li"))
	assert.Empty(t, groupsOf(text, "nobody"))
	assert.Equal(t, []uint32{1, 2}, add(add([]uint32{1}, 2), 1))
}

func TestShellsThatRefuseAreTold(t *testing.T) {
	for shell, may := range map[string]bool{
		"/bin/bash": true, "/bin/sh": true,
		"/usr/sbin/nologin": false, "/sbin/nologin": false, "/bin/false": false, "/usr/bin/false": false,
	} {
		err := new(Users).MayLogin(User{Name: "no-such-user-here", Shell: shell})
		if may {
			assert.NoError(t, err, shell)
		} else {
			assert.ErrorContains(t, err, shell)
		}
	}
}

func TestAnExpiryIsADay(t *testing.T) {
	const shadow = "root:*:19000:0:99999:7:::\nold:!:1:0:99999:7::365:\nbad:!:1:0:99999:7::x:\nshort:!:1\n"
	day, ok := expiry(shadow, "old")
	assert.True(t, ok)
	assert.Equal(t, time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC), day)
	for _, name := range []string{"root", "bad", "short", "none", ""} {
		_, ok = expiry(shadow, name)
		assert.False(t, ok, name)
	}
}
