//go:build linux

package localterm

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLinesCanBeEditedRememberedAndTakenBack(t *testing.T) {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	defer tty.Close()
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 20})) // lines are longer
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, master) }()
	e := NewEditor(tty, tty, "> ")
	for _, c := range []struct{ types, line string }{
		{"plain\r", "plain"},
		{"a longer line than there are columns\r", "a longer line than there are columns"},
		{"wong\x1b[D\x1b[D\x1b[Dr\x05!\r", "wrong!"},
		{"目录\x7f\r", "目"},
		{"taken back\x03", ""},
		{"\x1b[A\x1b[A\r", "wrong!"},
		{"pla\t\r", "plain"},
		{"no such\t\r", "no such"},
		{"\t\r", ""},
		{"\r", ""},
		{"\x1b[200~pas\x1b[201~ted\r", "pasted"},
	} {
		go typeWhenRaw(tty, master, c.types)
		line, err := e.ReadLine()
		require.NoError(t, err, c.types)
		assert.Equal(t, c.line, line, "%q", c.types)
		after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
		require.NoError(t, err)
		assert.Equal(t, before, after, "what runs between two lines has an ordinary terminal")
	}
	go typeWhenRaw(tty, master, "\x04")
	_, err = e.ReadLine()
	assert.Equal(t, io.EOF, err)
}

// typeWhenRaw waits for the editor: a key that comes before means what it means to the kernel, ^C that all typed so far is
// thrown away.
func typeWhenRaw(tty, master *os.File, keys string) {
	for range 10_000 {
		if now, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err != nil || now.Lflag&unix.ICANON == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_, _ = io.WriteString(master, keys)
}

func TestTheHistoryIsBoundedAndKeepsNoNothing(t *testing.T) {
	var h history
	for _, line := range []string{"a", "", " ", "a", "b"} {
		h.Add(line)
	}
	assert.Equal(t, history{"a", "b"}, h)
	assert.Equal(t, "b", h.At(0))
	for range mostHistory {
		h.Add("x")
		h.Add("y")
	}
	assert.Equal(t, mostHistory, h.Len())
}

func TestControlCClearsWhereverItIsRead(t *testing.T) {
	for _, size := range []int{1, 2, 100} {
		k := &editorKeys{r: strings.NewReader("ab\x03c")}
		var got bytes.Buffer
		_, err := io.CopyBuffer(&got, struct{ io.Reader }{k}, make([]byte, size))
		require.NoError(t, err)
		assert.Equal(t, "ab\x05\x15\rc", got.String())
	}
}

func TestATerminalIsRememberedAndItsWidthKnown(t *testing.T) {
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer master.Close()
	defer tty.Close()
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 33}))
	assert.Equal(t, 33, Width(tty))
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	restore, err := Remember(tty)
	require.NoError(t, err)
	changed := *before
	changed.Lflag &^= unix.ECHO
	require.NoError(t, unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &changed))
	restore()
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.Equal(t, 80, Width(null))
	_, err = Remember(null)
	require.Error(t, err)
	_, ok := Styled(tty)
	assert.True(t, ok)
}
