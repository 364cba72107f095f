package ports

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoPortIsGivenTwiceAndNoneThatIsInUse(t *testing.T) {
	seen := map[int]bool{}
	for range 500 {
		port, err := Free()
		require.NoError(t, err)
		require.False(t, seen[port], "%d", port)
		seen[port] = true
	}
	port, err := Free()
	require.NoError(t, err)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
	if err != nil {
		return // somebody else was faster: as good
	}
	defer l.Close()
	next, err := Free()
	require.NoError(t, err)
	assert.NotEqual(t, port+1, next)
}

// What one process was given, no other is, whether or not somebody listens there.
func TestAPortIsHeldAgainstOtherProcesses(t *testing.T) {
	port, err := Free()
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	_, err = net.ListenPacket("udp", address)
	require.Error(t, err, "what another process would find")
	l, err := net.Listen("tcp", address)
	require.NoError(t, err, "and the port is free for its daemon")
	require.NoError(t, l.Close())
}
