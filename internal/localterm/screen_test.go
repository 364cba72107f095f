package localterm

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown is an open screen of 24 lines and 40 columns, and what it wrote.
func shown(term string) (*Screen, *bytes.Buffer) {
	var b bytes.Buffer
	s := NewScreen(&b, term, func() (int, int) { return 24, 40 })
	s.Open()
	return s, &b
}

func write(t *testing.T, s *Screen, text string) {
	t.Helper()
	n, err := io.WriteString(s, text)
	require.NoError(t, err)
	assert.Equal(t, len(text), n)
}

func TestOutputIsShownAsItIs(t *testing.T) {
	s, b := shown("xterm")
	write(t, s, "a\x1b[31mb\xff\x00\r\n")
	assert.Equal(t, "a\x1b[31mb\xff\x00\r\n", b.String())
	assert.Equal(t, uint64(11), s.Shown())
}

func TestNothingIsShownBeforeTheScreenIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := NewScreen(&b, "xterm", nil)
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_, _ = io.WriteString(s, "x")
		}()
		synctest.Wait()
		assert.Empty(t, b.String())
		s.Open()
		<-wrote
		assert.Equal(t, "x", b.String())
	})
}

func TestANoteComesAndGoesAndTheCursorStays(t *testing.T) {
	s, b := shown("xterm")
	write(t, s, "$ ")
	b.Reset()
	s.Note("no answer for 9 s")
	assert.Equal(t, "\x1b7\x0f\x1b[24;21H\x1b[m\x1b[7m no answer for 9 s \x1b8", b.String(), "at the right end, the last column free")
	b.Reset()
	s.Note("no answer for 9 s")
	assert.Empty(t, b.String(), "nothing new")
	s.Note("no answer for 10 s")
	assert.Equal(t, "\x1b7\x0f\x1b[24;21H\x1b[m                   \x1b8"+"\x1b7\x0f\x1b[24;20H\x1b[m\x1b[7m no answer for 10 s \x1b8", b.String())
	b.Reset()
	s.Note("")
	assert.Equal(t, "\x1b7\x0f\x1b[24;20H\x1b[m                    \x1b8", b.String())
	b.Reset()
	s.Note("")
	assert.Empty(t, b.String())

	s.Note("quiet")
	b.Reset()
	write(t, s, "more")
	assert.Equal(t, "\x1b7\x0f\x1b[24;33H\x1b[m       \x1b8more", b.String(), "output takes it away first")
}

func TestANoteDoesNotBreakWhatIsDrawn(t *testing.T) {
	for out, why := range map[string]string{"\x1b[3": "a sequence", "\x1b]0;title": "a title", "你"[:2]: "a character"} {
		s, b := shown("xterm")
		write(t, s, out)
		s.Note("quiet")
		assert.Equal(t, out, b.String(), why)
	}
	s, b := shown("xterm")
	write(t, s, "\x1b[?6h\x1b(0")
	b.Reset()
	s.Note("quiet")
	assert.Equal(t, "\x1b7\x1b[?6l\x1b(B\x0f\x1b[24;33H\x1b[m\x1b[7m quiet \x1b8", b.String(), "letters, and addresses of the whole screen")
}

func TestANoteFitsOrIsNotShown(t *testing.T) {
	var b bytes.Buffer
	cols := 21
	s := NewScreen(&b, "xterm", func() (int, int) { return 5, cols })
	s.Open()
	s.Note("box: no answer for 12 s, ~. to leave")
	assert.Contains(t, b.String(), "\x1b[5;1H\x1b[m\x1b[7m box: no answer for \x1b8")
	b.Reset()
	for _, cols = range []int{19, 0} {
		s.Note("")
		b.Reset()
		s.Note("box: no answer")
		assert.Empty(t, b.String())
	}
}

func TestOnATerminalWithoutAddressesANoteIsALine(t *testing.T) {
	for _, term := range []string{"dumb", ""} {
		s, b := shown(term)
		s.Note("no answer for 9 s")
		s.Note("no answer for 10 s")
		s.Note("")
		assert.Equal(t, "\r\nno answer for 9 s\r\n", b.String())
		s.Note("again")
		s.End(true)
		assert.Equal(t, "\r\nno answer for 9 s\r\n\r\nagain\r\n", b.String())
	}
}

func TestOwnLinesTakeTheNoteAwayAndNeedNoRawTerminal(t *testing.T) {
	s, b := shown("xterm")
	s.Note("quiet")
	b.Reset()
	s.Say("one", "two")
	assert.Equal(t, "\x1b7\x0f\x1b[24;33H\x1b[m       \x1b8one\r\ntwo\r\n", b.String())
}

func TestTheEndIsTidyOnlyWhereTheCommandIsCutOff(t *testing.T) {
	s, b := shown("xterm")
	write(t, s, "\x1b[?1049h")
	b.Reset()
	s.End(false)
	assert.Empty(t, b.String(), "the command's last word stands")
	s, b = shown("xterm")
	write(t, s, "\x1b[?1049h")
	s.Note("quiet")
	b.Reset()
	s.End(true)
	assert.Equal(t, "\x1b7\x0f\x1b[24;33H\x1b[m       \x1b8\x1b[?1049l\x0f\x1b[m", b.String())
	b.Reset()
	write(t, s, "late")
	s.Note("late")
	s.Say("late")
	s.End(true)
	assert.Empty(t, b.String(), "nothing behind the end")
}

// stuck is a terminal that takes nothing until it is let go.
type stuck struct {
	once sync.Once
	in   chan struct{} // closed when the first Write began
	go1  chan struct{} // closed to let it end
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.in) })
	<-s.go1
	return len(p), nil
}

func TestNobodyWaitsForATerminalThatTakesNothing(t *testing.T) {
	w := &stuck{in: make(chan struct{}), go1: make(chan struct{})}
	s := NewScreen(w, "xterm", func() (int, int) { return 24, 80 })
	s.Open()
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(s, "flood") })
	<-w.in
	s.Note("quiet")
	s.Say("help")
	s.Freeze()()
	s.End(true)
	close(w.go1)
	writing.Wait()
}

func TestAFrozenScreenHoldsOutputBack(t *testing.T) {
	s, b := shown("xterm")
	s.Note("quiet")
	b.Reset()
	thaw := s.Freeze()
	assert.NotEmpty(t, b.String(), "the note is taken away")
	b.Reset()
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(s, "x") })
	require.False(t, s.mu.TryLock(), "held")
	assert.Empty(t, b.String())
	thaw()
	writing.Wait()
	assert.Equal(t, "x", b.String())
}
