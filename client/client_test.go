package client_test

import (
	"context"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/policy"
	"rexec/internal/server"
)

// daemon serves on loopback until the test ends and says how to call it.
func daemon(t *testing.T) client.Config {
	t.Helper()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	secret := hmacauth.NewSecret()
	ring := new(policy.Ring)
	require.NoError(t, ring.Add(policy.Key{ID: "admin", Secret: secret}))
	s, err := server.New(server.Config{Names: []string{"box"}, HostKey: key, Ring: ring, Shell: "/bin/sh"})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	return client.Config{Address: l.Addr().String(), KeyID: "admin", ServerID: "box", Secret: secret, Pin: pin}
}

func TestOutputOfACommandThroughTheWholeStack(t *testing.T) {
	c := client.New(daemon(t))
	out, err := c.Shell(context.Background(), "echo 你好; exit 3").Output()
	var exit *client.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, int64(3), exit.Result.Verdict.Code)
	require.Equal(t, "你好\n", string(out))
	require.NoError(t, c.Close())
}

func TestTheHostTakesTheLineOfItsSystem(t *testing.T) {
	c := client.New(daemon(t))
	run := func(line string, systems map[string]string) (string, error) {
		cmd := c.Shell(context.Background(), line)
		cmd.Systems = systems
		out, err := cmd.Output()
		return string(out), err
	}
	both := map[string]string{runtime.GOOS: "echo mine", "plan9": "echo other"}
	out, err := run("", both)
	require.NoError(t, err)
	require.Equal(t, "mine\n", out)
	out, err = run("echo rest", map[string]string{"plan9": "echo other"})
	require.NoError(t, err)
	require.Equal(t, "rest\n", out)

	var exit *client.ExitError
	_, err = run("", map[string]string{"plan9": "echo other"})
	require.ErrorAs(t, err, &exit)
	require.Equal(t, frame.StartFailed, exit.Result.Verdict.Kind)
	require.Equal(t, "no command was given for "+runtime.GOOS+", which this host runs", exit.Result.Verdict.Reason)
	require.NoError(t, c.Close())
}
