//go:build unix

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSem01_ExitCodesPassThrough(t *testing.T) {
	p := start(t)
	for _, code := range []int{0, 1, 4, 5, 44, 126, 127, 128, 254, 255} {
		o := p.run(p.rexec("box", fmt.Sprintf("exit %d", code)), "")
		assert.Equal(t, outcome{code: code}, o)
	}
}

func TestSem02_DeathByASignalIs128AndItsNumber(t *testing.T) {
	p := start(t)
	assert.Equal(t, 139, p.run(p.rexec("box", "kill -SEGV $$"), "").code)
	assert.Equal(t, 137, p.run(p.rexec("box", "kill -KILL $$"), "").code)
}

func TestSem04_ClosedOutputsDoNotEndTheCommand(t *testing.T) {
	p := start(t)
	assert.Equal(t, outcome{code: 44}, p.run(p.rexec("box", "exec >&- 2>&-; exit 44"), ""))
}
