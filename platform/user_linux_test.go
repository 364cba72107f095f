package platform

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheNameServicesKnowRootToo(t *testing.T) {
	u, ok := foreignUser("root", func(f []string) bool { return f[0] == "root" })
	assert.True(t, ok)
	assert.Zero(t, u.UID)
	assert.NotEmpty(t, u.Shell)
	assert.Empty(t, getent("passwd", "no-such-user-here"))
	assert.Empty(t, getent("passwd", "--help"), "a name is no option")
}
