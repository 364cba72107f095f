package fleet

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
)

func TestNumberIsWhatTheHostsEntrySaysAndNotReadOffTheName(t *testing.T) {
	line := func(ctx context.Context, c *client.Client, _ Host) *client.Cmd { return c.Shell(ctx, "echo %h %n") }
	r := Run{Command: line}
	text, err := r.Preview(Host{Name: "web02-v3", Number: "2"})
	require.NoError(t, err)
	assert.Equal(t, "echo web02-v3 2", text)
	_, err = r.Preview(Host{Name: "web02"})
	assert.ErrorContains(t, err, `no number in the name "web02"`)
}
