//go:build unix

package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withKey adds a key to the daemon and a host "other" that uses it.
func (p *program) withKey(args ...string) {
	p.t.Helper()
	token, err := p.command("rexecd", append([]string{"key", "add", "second", "--state", p.state}, args...)...).Output()
	require.NoError(p.t, err)
	add := p.command("rexec", "host", "add", "other")
	add.Stdin = bytes.NewReader(token)
	out, err := add.CombinedOutput()
	require.NoError(p.t, err, string(out))
}

const stays = "(sleep 300 &) ; echo ready; sleep 300"

func TestSem50_ARemovedKeyEndsTheTreesOfItsSessionsAndNoOther(t *testing.T) {
	p := start(t)
	p.withKey()
	cmd, status := p.withStatus("other", stays)
	its, mine := p.begin(cmd), p.begin(p.rexec("box", "echo ready; sleep 3; echo whole"))
	its.says("ready")
	mine.says("ready")
	require.NoError(t, p.command("rexecd", "key", "rm", "second", "--state", p.state).Run())
	<-its.done
	s := status()
	assert.Equal(t, "ended", s.Kind)
	assert.Equal(t, 255, cmd.ProcessState.ExitCode())
	assert.Contains(t, its.err.String(), "the key was removed")
	<-mine.done
	assert.Equal(t, "ready\nwhole\n", mine.out.String())
	p.nothingLeft()
	assert.Equal(t, 255, p.run(p.rexec("other", "true"), "").code)
}

func TestSem50_AnExpiredKeyEndsTheTreesOfItsSessions(t *testing.T) {
	p := start(t)
	p.withKey("--expires", "6s") // in which it must get to say ready
	began := time.Now()
	cmd, status := p.withStatus("other", stays)
	its := p.begin(cmd)
	its.says("ready")
	<-its.done
	assert.Less(t, time.Since(began), slack*6*time.Second)
	assert.Equal(t, "ended", status().Kind)
	p.nothingLeft()
	o := p.run(p.rexec("other", "true"), "")
	assert.Equal(t, 254, o.code)
	assert.Contains(t, o.stderr, "expired")
}

func TestSem48_AKeysIdleTimeoutEndsASilentTreeAndNoTalkingOne(t *testing.T) {
	p := start(t)
	p.withKey("--idle-timeout", "3s")
	cmd, status := p.withStatus("other", stays)
	silent := p.begin(cmd)
	talking := p.begin(p.rexec("other", "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.5; done; echo whole"))
	<-silent.done
	assert.Equal(t, "ended", status().Kind)
	assert.Contains(t, silent.err.String(), "3s without a byte")
	<-talking.done
	assert.Equal(t, 0, talking.cmd.ProcessState.ExitCode())
	p.nothingLeft()
}
