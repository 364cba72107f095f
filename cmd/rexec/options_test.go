package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/internal/sshopt"
)

func parse(t *testing.T, args ...string) *sshopt.Line {
	t.Helper()
	line, err := sshopt.Parse(sshopt.Rexec, longOptions(), args)
	require.NoError(t, err)
	return line
}

func TestLingerIsALengthOrForeverOrNone(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"forever": client.LingerForever, "0": client.LingerNone, "0s": client.LingerNone, "500ms": 500 * time.Millisecond,
	} {
		o, err := readOptions(parse(t, "--linger", text, "box"), stdio{})
		require.NoError(t, err, text)
		assert.Equal(t, want, o.linger, text)
	}
	o, err := readOptions(parse(t, "box"), stdio{})
	require.NoError(t, err)
	assert.Zero(t, o.linger, "client's default")
	for _, text := range []string{"", "-1s", "2", "soon"} {
		_, err := readOptions(parse(t, "--linger="+text, "box"), stdio{})
		assert.ErrorContains(t, err, "write it as", "%q", text)
	}
}

func TestLongConnectTimeoutGoesBeforeSshs(t *testing.T) {
	o, err := readOptions(parse(t, "-oConnectTimeout=7", "--connect-timeout=1500ms", "box"), stdio{})
	require.NoError(t, err)
	assert.Equal(t, 1500*time.Millisecond, o.connectTimeout)
	o, err = readOptions(parse(t, "-oConnectTimeout=7", "box"), stdio{})
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, o.connectTimeout)
}

func TestKeepaliveThatNeverGivesUpStaysWithinADuration(t *testing.T) {
	ping, count := keepalive(parse(t, "-oServerAliveInterval=20", "-oServerAliveCountMax=4", "box"))
	assert.Equal(t, 20*time.Second, ping)
	assert.Equal(t, 4, count)
	ping, count = keepalive(parse(t, "box"))
	assert.Zero(t, ping)
	assert.Zero(t, count)
	for _, interval := range []string{"1", "3600", "2000000000"} {
		ping, count = keepalive(parse(t, "-oServerAliveInterval="+interval, "-oServerAliveCountMax=0", "box"))
		assert.Positive(t, count)
		assert.Positive(t, ping*time.Duration(count+1), interval)
	}
}

func TestSem22_OnlyWhatIsNamedIsOffered(t *testing.T) {
	std := stdio{environ: []string{"LANG=C", "LC_ALL=x=y", "SECRET=s", "=odd", "EMPTY="}}
	assert.Empty(t, offered(parse(t, "box"), std))
	assert.Equal(t, []string{"LC_ALL=x=y", "EMPTY=", "LANG=set"},
		offered(parse(t, "-oSendEnv=LC_* EMPTY", "-oSendEnv=LANG", "-oSetEnv=LANG=set", "box"), std))
	kv, err := insisted("LC_ALL", std)
	require.NoError(t, err)
	assert.Equal(t, "LC_ALL=x=y", kv)
	_, err = insisted("LC_", std)
	assert.ErrorContains(t, err, "LC_ is not set here")
}
