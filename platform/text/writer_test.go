package text

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shared is a bytes.Buffer that a Writer's pause writes while a test reads.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// take gives what came since the last time.
func (s *shared) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.b.Reset()
	return s.b.String()
}

func TestSem39_APromptIsShownAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out shared
		w := auto(t, "gbk").NewWriter(&out)
		put := func(s string) {
			_, err := io.WriteString(w, s)
			require.NoError(t, err)
		}
		wait := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			return out.take()
		}
		put("C:\\")
		assert.Equal(t, `C:\`, wait(0), "ASCII passes at once")
		put("\xc4\xbf\xc2")
		assert.Empty(t, wait(Silence-1), "what follows may show that the line is UTF-8")
		put("\xbc> ")
		assert.Empty(t, wait(Silence-1), "the silence begins anew")
		assert.Equal(t, "目录> ", wait(1))
		put("\xc4")
		assert.Empty(t, wait(time.Hour), "half a character is never shown")
		put("\xbf")
		assert.Equal(t, "目", wait(Silence))
		put("目\xe5")
		assert.Equal(t, "目", wait(Silence), "nor half a one of UTF-8")
		put("\xbd")
		assert.Empty(t, wait(time.Hour))
		put("\x95\n")
		assert.Equal(t, "录\n", wait(0), "a line that ends is shown at once")
		put("\xc4")
		require.NoError(t, w.Close())
		assert.Equal(t, "\ufffd", wait(time.Hour))
		_, err := w.Write([]byte("x"))
		assert.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

func TestSem39_ANamedEncodingHoldsNothingButHalfACharacter(t *testing.T) {
	var out bytes.Buffer
	w := named(t, "gbk").NewWriter(&out)
	for _, step := range []struct{ put, shown string }{{"\xc4\xbf\xc2", "目"}, {"\xbc>", "录>"}, {" ", " "}} {
		_, err := io.WriteString(w, step.put)
		require.NoError(t, err)
		assert.Equal(t, step.shown, out.String())
		out.Reset()
	}
}

func TestSem41_EachLineIsJudgedByItself(t *testing.T) {
	gbkLine, utf8Line := "\xcf\xb5\xcd\xb3\xd5\xd2\xb2\xbb\xb5\xbd\xc2\xb7\xbe\xb6", "系统找不到路径"
	for _, c := range []struct{ in, want string }{
		{gbkLine + "\n" + utf8Line + "\n" + gbkLine, utf8Line + "\n" + utf8Line + "\n" + utf8Line},
		{utf8Line + "\r" + gbkLine + "\r\n", utf8Line + "\r" + utf8Line + "\r\n"},
		{gbkLine + " " + utf8Line + "\n", string(named(t, "gbk").Decode([]byte(gbkLine+" "+utf8Line))) + "\n"},
		{"😀 " + utf8Line + "\n", "😀 " + utf8Line + "\n"},
		{"\xc2\xb7\n", "路\n"},          // GBK's 路 is UTF-8's middle dot
		{"\xd2\xbb\xc1\xbd\n", "一两\n"}, // and these two are UTF-8's һ and an incomplete one
		{"\xc4\xa3\xca\xbd\n", "模式\n"}, // 'ģʽ'
		{"\xed\xa0\x80x\n", string(named(t, "gbk").Decode([]byte("\xed\xa0\x80x\n")))}, // a surrogate is no character
		{"\xc0\xaf\n", string(named(t, "gbk").Decode([]byte("\xc0\xaf\n")))},
	} {
		assert.Equal(t, c.want, string(auto(t, "gbk").Decode([]byte(c.in))), "%x", c.in)
	}
}

func TestSem41_AHeldLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ char, want string }{{"\xc4\xbf", "目"}, {"目", "目"}} {
			var out bytes.Buffer
			w := auto(t, "gbk").NewWriter(&out)
			line := "x" + strings.Repeat(c.char, 3000)
			for i := range len(line) {
				_, err := w.Write([]byte{line[i]})
				require.NoError(t, err)
				require.Less(t, len(w.decoder.(*lines).held), maxHeld)
			}
			require.NotEmpty(t, out.String()[1:], "4 KiB are over")
			require.NoError(t, w.Close())
			assert.Equal(t, "x"+strings.Repeat(c.want, 3000), out.String())
			assert.Equal(t, out.String(), inPieces(t, auto(t, "gbk"), []byte(line)))
		}
	})
}

// failing is a writer that takes some bytes and then fails.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return f.left, f.err
	}
	f.left -= len(p)
	return len(p), nil
}

func TestTheWritersErrorIsTold(t *testing.T) {
	full := errors.New("disk full")
	for _, text := range []string{"0123456789", "\xc4\xbf\xc2\xbc\xc4\xbf\n"} {
		w := named(t, "gbk").NewWriter(&failing{4, full})
		n, err := io.WriteString(w, text)
		assert.ErrorIs(t, err, full)
		assert.Less(t, n, len(text))
		_, err = io.WriteString(w, "x")
		assert.ErrorIs(t, err, full)
		assert.ErrorIs(t, w.Flush(), full)
		assert.ErrorIs(t, w.Close(), full)
		assert.ErrorIs(t, w.Close(), full)
	}
	synctest.Test(t, func(t *testing.T) {
		w := auto(t, "gbk").NewWriter(&failing{0, full})
		_, err := io.WriteString(w, "\xc4\xbf")
		require.NoError(t, err)
		time.Sleep(Silence)
		synctest.Wait()
		_, err = io.WriteString(w, "x")
		assert.ErrorIs(t, err, full, "what failed behind a pause is the next write's")
	})
	held := auto(t, "gbk").NewWriter(&failing{0, full})
	_, err := io.WriteString(held, "\xc4\xbf")
	require.NoError(t, err)
	assert.ErrorIs(t, held.Close(), full)
}

func TestFlushShowsWhatIsHeldAndCloseHappensOnce(t *testing.T) {
	var out bytes.Buffer
	w := auto(t, "gbk").NewWriter(&out)
	_, err := io.WriteString(w, "\xc4\xbf\xc2")
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	assert.Equal(t, "目", out.String())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.NoError(t, w.Flush())
	assert.Equal(t, "目\ufffd", out.String())

	out.Reset()
	raw := Encoding{}.NewWriter(&out)
	_, err = io.WriteString(raw, "\xc4")
	require.NoError(t, err)
	require.NoError(t, raw.Flush())
	require.NoError(t, raw.Close())
	assert.Equal(t, "\xc4", out.String())
}
