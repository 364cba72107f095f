//go:build unix

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAKeysShellStandsInForTheDaemonsSetting(t *testing.T) {
	p := startLimited(t, `shell = "/bin/bash"`)
	o := p.run(p.rexec("box", "echo ${BASH_VERSION:+bash}"), "")
	assert.Equal(t, outcome{stdout: "bash\n"}, o)

	p = startLimited(t, `shell = "bash"`)
	o = p.run(p.rexec("box", "true"), "")
	assert.Contains(t, o.stderr, `its shell "bash" must be a whole path`)
	assert.NotZero(t, o.code)
}
