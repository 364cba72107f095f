//go:build unix

package e2e

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem07_ASecondDaemonWithTheSameFilesEndsNothingOfTheFirst(t *testing.T) {
	p := start(t)
	running := p.rexec("box", "echo ready; sleep 3; echo whole")
	out, err := running.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, running.Start())
	ready := make([]byte, 6)
	_, err = io.ReadFull(out, ready)
	require.NoError(t, err)
	second := p.run(p.command("rexecd", "serve", "--state", p.state), "")
	assert.Equal(t, 1, second.code)
	assert.Contains(t, second.stderr, "a daemon is running already")
	rest := make([]byte, 6)
	_, _ = io.ReadFull(out, rest)
	assert.Equal(t, "whole\n", string(rest))
	assert.NoError(t, running.Wait())
}
