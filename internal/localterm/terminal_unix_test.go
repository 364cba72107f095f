//go:build unix

package localterm

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// open is a terminal of this test's, and who holds its other end.
func open(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, tty, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close(); _ = tty.Close() })
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 80, X: 640, Y: 480}))
	return master, tty
}

// state is stty -g.
func state(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	tio, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
	require.NoError(t, err)
	return *tio
}

func TestSem30_RawAndRestored(t *testing.T) {
	master, tty := open(t)
	before := state(t, tty)
	term := Open(tty, tty)
	require.NotNil(t, term.Keys())
	require.True(t, term.Shows())
	for range 2 {
		require.NoError(t, term.Raw())
		require.True(t, term.IsRaw())
		raw := state(t, tty)
		assert.Zero(t, raw.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG|unix.IEXTEN))
		assert.Zero(t, raw.Iflag&(unix.IXON|unix.ICRNL))
		assert.Zero(t, raw.Oflag&unix.OPOST)

		const keys = "\x03\x04\x1a\x11\x13\r\x16\x7f" // each means something to a terminal that is not raw
		_, err := io.WriteString(master, keys)
		require.NoError(t, err)
		got := make([]byte, len(keys))
		_, err = io.ReadFull(term.Keys(), got)
		require.NoError(t, err)
		assert.Equal(t, keys, string(got))

		require.NoError(t, term.Raw(), "again, as behind a stop")
		term.Restore()
		assert.Equal(t, before, state(t, tty))
		assert.False(t, term.IsRaw())
		term.Restore()
	}
}

func TestWhatIsNoTerminalIsLeftAlone(t *testing.T) {
	_, tty := open(t)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	before := state(t, tty)
	for _, c := range []struct{ in, out *os.File }{{null, tty}, {nil, tty}, {nil, nil}, {null, null}} {
		term := Open(c.in, c.out)
		assert.Nil(t, term.Keys())
		assert.Equal(t, c.out == tty, term.Shows())
		require.NoError(t, term.Raw())
		assert.Equal(t, before, state(t, tty))
		term.Restore()
		if c.out == tty {
			assert.Equal(t, Size{24, 80, 640, 480}, term.Size(), "the size is the screen's")
			assert.NotNil(t, term.Modes())
		} else {
			assert.Zero(t, term.Size())
			assert.Nil(t, term.Modes())
		}
	}
}

func TestATerminalThatIsGoneIsAnErrorAndNoHang(t *testing.T) {
	master, tty := open(t)
	term := Open(tty, tty)
	require.NoError(t, term.Raw())
	require.NoError(t, master.Close())
	assert.Zero(t, term.Size())
	assert.Error(t, term.Raw())
	term.Restore()
	k := NewKeyboard(term.Keys(), NoEscapes())
	k.Open()
	go func() { _, _ = k.Read(make([]byte, 1)) }()
	assert.Equal(t, Gone, <-k.Actions())
}

func TestResizedBringsManyChangesAsOne(t *testing.T) {
	_, tty := open(t)
	term := Open(nil, tty)
	term.Watch()
	defer term.Close()
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGWINCH)
	defer signal.Stop(came)
	for range 20 { // one by one: the kernel makes one of many, too
		require.NoError(t, unix.Kill(os.Getpid(), unix.SIGWINCH))
		<-came
	}
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 60, Cols: 200}))
	<-term.Resized()
	assert.Equal(t, Size{Rows: 60, Cols: 200}, term.Size())
	left := 0
	for end := time.After(100 * time.Millisecond); ; {
		select {
		case <-term.Resized():
			left++
			continue
		case <-end:
		}
		break
	}
	assert.LessOrEqual(t, left, 1, "one waits at most, and the last may just be coming")
}

// sttyNames are the modes that stty knows by name, with their codes.
var sttyNames = map[string]uint8{
	"ignpar": 30, "parmrk": 31, "inpck": 32, "istrip": 33, "inlcr": 34, "igncr": 35, "icrnl": 36, "ixon": 38, "ixany": 39,
	"ixoff": 40, "imaxbel": 41, "isig": 50, "icanon": 51, "echo": 53, "echoe": 54, "echok": 55, "echonl": 56, "noflsh": 57,
	"tostop": 58, "iexten": 59, "echoctl": 60, "echoke": 61, "opost": 70, "onlcr": 72, "ocrnl": 73, "onocr": 74, "onlret": 75,
	"parenb": 92, "parodd": 93,
}

func stty(t *testing.T, tty *os.File, args ...string) string {
	t.Helper()
	cmd := exec.Command("stty", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // its words are looked for
	cmd.Stdin = tty
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestSem29_ModesAreWhatSttySays(t *testing.T) {
	_, tty := open(t)
	for _, set := range [][]string{{"sane"}, {"-echo", "-ixon", "erase", "^H", "intr", "undef"}, {"-onlcr", "tostop", "9600"}, {"raw"}} {
		stty(t, tty, set...)
		said := " " + strings.Join(strings.FieldsFunc(stty(t, tty, "-a"), func(r rune) bool { return strings.ContainsRune(" ;\n", r) }), " ") + " "
		modes := Open(tty, tty).Modes()
		for name, code := range sttyNames {
			on := strings.Contains(said, " "+name+" ")
			require.True(t, on || strings.Contains(said, " -"+name+" "), "%s in %s", name, said)
			assert.Equal(t, on, modes[code] == 1, "%v: %s", set, name)
		}
		for name, code := range map[string]uint8{"intr": 1, "erase": 3, "eof": 5} {
			want := "undef>"
			if c := modes[code]; c != disabled {
				want = caret(byte(c))
			}
			assert.Contains(t, strings.ReplaceAll(said, "<", ""), " "+name+" = "+want+" ", "%v", set)
		}
		assert.Contains(t, said, " speed "+map[uint32]string{9600: "9600", 38400: "38400"}[modes[codeOutputSpeed]]+" ")
		assert.Equal(t, modes[codeOutputSpeed], modes[codeInputSpeed])
	}
	term := Open(tty, tty)
	require.NoError(t, term.Raw())
	assert.Nil(t, term.Modes(), "what Raw made of it is nobody's wish")
	term.Restore()
}

func TestOwnLinesOnARawTerminalReturn(t *testing.T) {
	master, tty := open(t)
	var shown bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&shown, master) })
	stty(t, tty, "-opost")
	term := Open(tty, tty)
	w := term.Lines(tty)
	_, _ = io.WriteString(w, "one\n")
	require.NoError(t, term.Raw())
	n, err := io.WriteString(w, "two\nthree\n")
	require.NoError(t, err)
	assert.Equal(t, 10, n)
	term.Restore()
	var file bytes.Buffer
	_, _ = io.WriteString(term.Lines(&file), "four\n")
	require.NoError(t, tty.Close())
	reading.Wait()
	assert.Equal(t, "one\ntwo\r\nthree\r\n", shown.String())
	assert.Equal(t, "four\n", file.String())
}

func TestSem30_APanicIsPassedOnWithTheTerminalRestored(t *testing.T) {
	_, tty := open(t)
	before := state(t, tty)
	term := Open(tty, tty)
	require.NoError(t, term.Raw())
	guard := term.Guard // as it is handed down
	func() { defer guard() }()
	assert.True(t, term.IsRaw(), "nobody panicked")
	assert.PanicsWithValue(t, "oh", func() {
		defer guard()
		panic("oh")
	})
	assert.Equal(t, before, state(t, tty))
}
