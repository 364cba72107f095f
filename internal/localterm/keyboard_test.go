package localterm

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// typing is a keyboard on which text is typed, opened, and what comes out of its actions, until it is gone.
func typing(t *testing.T, r io.Reader) (read string, acts []Action) {
	t.Helper()
	k := NewKeyboard(r, NewEscapes('~'))
	k.Open()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for act := range k.Actions() {
			acts = append(acts, act)
			if act == Suspend {
				k.Resume()
			}
			if act == Gone {
				return
			}
		}
	}()
	b, err := io.ReadAll(k)
	require.NoError(t, err)
	<-done
	return string(b), acts
}

func TestSem31_AKeyboardGivesTheCommandWhatIsNoEscape(t *testing.T) {
	const typed = "ls\r~?~#vi ~/x\r~\x1a~~\r"
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(typed), "one by one": iotest.OneByteReader(strings.NewReader(typed))} {
		read, acts := typing(t, r)
		assert.Equal(t, "ls\rvi ~/x\r~\r", read, name)
		assert.Equal(t, []Action{Help, Status, Suspend, Gone}, acts, name)
	}
}

func TestNothingIsReadBeforeTheKeyboardIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeyboard(strings.NewReader("x"), NoEscapes())
		read := make(chan int, 1)
		go func() {
			n, _ := k.Read(make([]byte, 1))
			read <- n
		}()
		synctest.Wait()
		assert.Empty(t, read)
		k.Open()
		assert.Equal(t, 1, <-read)
	})
}

func TestBehindSuspendNothingIsReadBeforeResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeyboard(strings.NewReader("a\r~\x1ab"), NewEscapes('~'))
		k.Open()
		read := make(chan string)
		go func() {
			for {
				p := make([]byte, 10)
				n, err := k.Read(p)
				if err != nil {
					close(read)
					return
				}
				read <- string(p[:n])
			}
		}()
		assert.Equal(t, "a\r", <-read, "what was typed before is the command's before")
		assert.Equal(t, Suspend, <-k.Actions())
		synctest.Wait()
		select {
		case s := <-read:
			t.Errorf("read %q while suspended", s)
		default:
		}
		k.Resume()
		assert.Equal(t, "b", <-read)
		assert.Equal(t, Gone, <-k.Actions())
		_, more := <-read
		assert.False(t, more)
	})
}

func TestAClosedKeyboardHoldsNobody(t *testing.T) {
	for name, typed := range map[string]string{"before it is open": "x", "with an action untaken": "~.", "behind a suspend": "~\x1a", "when it is gone": ""} {
		synctest.Test(t, func(t *testing.T) {
			k := NewKeyboard(strings.NewReader(typed), NewEscapes('~'))
			if name != "before it is open" {
				k.Open()
			}
			read := make(chan error)
			go func() {
				_, err := k.Read(make([]byte, 1))
				read <- err
			}()
			synctest.Wait()
			if name == "behind a suspend" {
				<-k.Actions()
				synctest.Wait()
			}
			k.Close()
			k.Close()
			assert.Equal(t, io.EOF, <-read, name)
		})
	}
}

func TestAReaderWithSmallBuffersGetsAll(t *testing.T) {
	k := NewKeyboard(strings.NewReader("abc\r~xdef"), NewEscapes('~'))
	k.Open()
	go func() { <-k.Actions() }()
	b, err := io.ReadAll(iotest.OneByteReader(k))
	require.NoError(t, err)
	assert.Equal(t, "abc\r~xdef", string(b))
}
