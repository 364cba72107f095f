package main

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// legacyVariable has this test's binary be a daemon that is killed: it listens where the variable says and leaves its
// socket to a process, whose id it prints.
const legacyVariable = "REXECD_TEST_LEGACY"

func TestTheSocketThatAKilledDaemonLeftToAProcessIsReplaced(t *testing.T) {
	if path := os.Getenv(legacyVariable); path != "" {
		leaveSocket(t, path)
	}
	p := paths{data: short(t)}
	daemon := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	daemon.Env = append(os.Environ(), legacyVariable+"="+p.control())
	said, err := daemon.Output()
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(said))
	require.NoError(t, err, "%s", said)
	heir, err := os.FindProcess(pid)
	require.NoError(t, err)
	defer func() { assert.NoError(t, heir.Kill()) }()

	c, err := p.dialControl()
	require.NoError(t, err, "the socket is listened at")
	_ = c.Close()
	l, killed, err := listenControl(p)
	require.NoError(t, err)
	assert.True(t, killed)

	_, _, err = listenControl(p)
	assert.ErrorContains(t, err, "a daemon is running already")
	require.NoError(t, l.Close())
	l, killed, err = listenControl(p)
	require.NoError(t, err)
	assert.False(t, killed)
	require.NoError(t, l.Close())
}

// leaveSocket does not return.
func leaveSocket(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	socket, err := l.(*net.UnixListener).File()
	require.NoError(t, err)
	heir := exec.Command("sleep", "60")
	heir.ExtraFiles = []*os.File{socket}
	require.NoError(t, heir.Start())
	_, _ = os.Stdout.WriteString(strconv.Itoa(heir.Process.Pid))
	os.Exit(0)
}
