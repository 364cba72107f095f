package platform

import (
	"os/user"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheNameServicesKnowRootToo(t *testing.T) {
	u, err := foreignUser("root", func(f []string) bool { return f[0] == "root" })
	require.NoError(t, err)
	assert.Zero(t, u.UID)
	assert.NotEmpty(t, u.Shell)
	for _, name := range []string{"no-such-user-here", "--help"} { // a name is no option
		text, err := getent("passwd", name)
		assert.NoError(t, err)
		assert.Empty(t, text)
		_, err = foreignUser(name, func([]string) bool { return true })
		var unknown user.UnknownUserError
		assert.ErrorAs(t, err, &unknown)
	}
}
