//go:build unix

package client_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
)

func TestACommandOnATerminalThroughTheWholeStack(t *testing.T) {
	c := client.New(daemon(t))
	cmd := c.Shell(context.Background(), `read x; test "$SSH_TTY" = "$(tty)" && echo "$x $TERM $(stty size)"; exit 3`)
	cmd.Terminal = &frame.Terminal{Term: "xterm", Size: frame.Size{Rows: 60, Cols: 200}, Modes: map[uint8]uint32{53: 0}}
	cmd.Stdin = strings.NewReader("你好\n")
	var out bytes.Buffer
	cmd.Stdout = &out
	var exit *client.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, int64(3), exit.Result.Verdict.Code)
	require.Equal(t, "你好 xterm 60 200\r\n", out.String())
	require.NoError(t, c.Close())
}
