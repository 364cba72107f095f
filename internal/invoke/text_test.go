package invoke

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/platform/text"
)

// converting makes a conversion of a command of no importance.
func converting(t *testing.T, opt Text) *conversion {
	t.Helper()
	c, err := newConversion(opt, new(client.Cmd), sayer{w: io.Discard})
	require.NoError(t, err)
	return c
}

func TestSem42_WhatIsNoTextIsNotWrapped(t *testing.T) {
	in, out := strings.NewReader(""), new(bytes.Buffer)
	for _, c := range []*conversion{
		converting(t, Text{}), converting(t, Text{Encoding: "gbk", Typed: true}), converting(t, Text{Encoding: "raw", In: true, Out: true, Err: true}),
	} {
		assert.Same(t, in, c.stdin(in))
		assert.Same(t, out, c.stdout(out))
		assert.Same(t, out, c.stderr(out))
		assert.Empty(t, c.lanes)
	}
	c := converting(t, Text{Err: true})
	assert.Same(t, in, c.stdin(in))
	assert.Same(t, out, c.stdout(out), "stdout and stderr are judged each by itself")
	assert.NotSame(t, out, c.stderr(out))
	assert.Nil(t, c.stderr(nil))
	assert.Nil(t, converting(t, Text{In: true}).stdin(nil))
}

func TestWhatTheHostSpeaksIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := converting(t, Text{In: true, Out: true})
		var out bytes.Buffer
		stdout, stdin := c.stdout(&out), c.stdin(strings.NewReader("目录"))
		var got []byte
		go func() { _, _ = io.WriteString(stdout, "\xc4\xbf\n") }()
		go func() { got, _ = io.ReadAll(stdin) }()
		synctest.Wait()
		assert.Empty(t, out.String())
		assert.Nil(t, got)
		in, o, e := c.used()
		assert.Empty(t, in+o+e, "nothing was decided yet")

		c.decide(&frame.Started{OS: "linux", Encoding: "gbk"}, false)
		synctest.Wait()
		assert.Equal(t, "目\n", out.String())
		assert.Equal(t, "\xc4\xbf\xc2\xbc", string(got))
		c.decide(nil, false)
		in, o, e = c.used()
		assert.Equal(t, []string{"auto gbk", "auto gbk", "raw"}, []string{in, o, e}, "and stays as it was decided")
		require.NoError(t, c.close())
	})
}

func TestWithoutAWordFromTheHostBytesPass(t *testing.T) {
	c := converting(t, Text{In: true, Out: true, Err: true, Encoding: "gbk"})
	c.decide(nil, false)
	var out bytes.Buffer
	_, err := io.WriteString(c.stdout(&out), "\xc4\xbf")
	require.NoError(t, err)
	require.NoError(t, c.close())
	assert.Equal(t, "\xc4\xbf", out.String())
	got, err := io.ReadAll(c.stdin(iotestErr{"\xff", io.ErrUnexpectedEOF}))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "\xff", string(got))
}

// iotestErr gives all of s with err at once.
type iotestErr struct {
	s   string
	err error
}

func (r iotestErr) Read(p []byte) (int, error) { return copy(p, r.s), r.err }

func TestTheEncodingIsTheOneThatHolds(t *testing.T) {
	for _, c := range []struct {
		choice, os, host string
		terminal         bool
		want             string
	}{
		{"", "linux", "gbk", false, "auto gbk"},
		{"", "linux", "utf-8", true, "utf-8"},
		{"big5", "linux", "gbk", true, "big5"},
		{"big5", "windows", "gbk", false, "big5"},
		{"big5", "windows", "utf-8", true, "utf-8"}, // a console translates by itself
		{"", "linux", "", false, "raw"},
		{"raw", "linux", "gbk", false, "raw"},
	} {
		conv := converting(t, Text{Encoding: c.choice, Out: true})
		conv.decide(&frame.Started{OS: c.os, Encoding: c.host}, c.terminal)
		_, out, _ := conv.used()
		assert.Equal(t, c.want, out, "%+v", c)
		assert.NoError(t, conv.note)
	}
	unknown := converting(t, Text{Out: true})
	unknown.decide(&frame.Started{Encoding: "koi8-t"}, false)
	assert.ErrorContains(t, unknown.note, `the host speaks "koi8-t"`)
	_, err := newConversion(Text{Encoding: "gbq"}, new(client.Cmd), sayer{w: io.Discard})
	assert.ErrorContains(t, err, `encoding "gbq" is not known`)
}

func TestSem40_WordsGoOutInANamedEncodingOnly(t *testing.T) {
	command := func() *client.Cmd {
		return &client.Cmd{Argv: []string{"ls", "目"}, Line: "ls 目", Systems: map[string]string{"linux": "录"}, Dir: "/录",
			Env: []string{"A=目"}, OfferEnv: []string{"B=😀", "C=录"}}
	}
	var said strings.Builder
	cmd := command()
	_, err := newConversion(Text{Encoding: "CP936"}, cmd, sayer{w: &said, verbose: true})
	require.NoError(t, err)
	assert.Equal(t, &client.Cmd{Argv: []string{"ls", "\xc4\xbf"}, Line: "ls \xc4\xbf", Systems: map[string]string{"linux": "\xc2\xbc"}, Dir: "/\xc2\xbc",
		Env: []string{"A=\xc4\xbf"}, OfferEnv: []string{"C=\xc2\xbc"}, Encoding: "raw", Words: "gbk"}, cmd)
	assert.Equal(t, "rexec: a variable is not sent: \"😀\" (U+1F600) at byte 2 has no place in gbk\n", said.String())

	for choice, encoding := range map[string]string{"": "auto", "auto": "auto", "raw": "raw", "utf8": "utf-8"} {
		cmd, want := command(), command()
		want.Encoding = encoding
		_, err := newConversion(Text{Encoding: choice, Out: true}, cmd, sayer{w: io.Discard})
		require.NoError(t, err)
		assert.Equal(t, want, cmd, choice)
	}
	for want, cmd := range map[string]*client.Cmd{
		"command: ": {Argv: []string{"a", "😀"}}, "command:  ": {Line: "😀"}, "folder: ": {Dir: "😀"}, "variable: ": {Env: []string{"A=😀"}},
		"command:   ": {Systems: map[string]string{"linux": "😀"}},
	} {
		_, err := newConversion(Text{Encoding: "gbk"}, cmd, sayer{w: io.Discard})
		var lost *text.EncodeError
		require.ErrorAs(t, err, &lost)
		assert.True(t, strings.HasPrefix(err.Error(), strings.TrimSpace(want)+" "), err.Error())
		assert.True(t, strings.HasSuffix(err.Error(), "has no place in gbk; nothing was started"), err.Error())
	}
}

func TestSem40_AtAKeyboardTheBellRings(t *testing.T) {
	var bell bytes.Buffer
	for _, ring := range []io.Writer{&bell, nil} {
		c := converting(t, Text{Encoding: "gbk", In: true, Typed: true, Bell: ring})
		c.decide(&frame.Started{Encoding: "utf-8"}, true)
		got, err := io.ReadAll(c.stdin(strings.NewReader("目😀录")))
		require.NoError(t, err)
		assert.Equal(t, "\xc4\xbf\xc2\xbc", string(got))
	}
	assert.Equal(t, "\a", bell.String())
}

func TestSem40_OtherInputSaysWhatToDo(t *testing.T) {
	c := converting(t, Text{Encoding: "gbk", In: true})
	c.decide(&frame.Started{}, false)
	_, err := io.ReadAll(c.stdin(strings.NewReader("目😀")))
	assert.EqualError(t, err, `"😀" (U+1F600) at byte 3 has no place in gbk: the command is ended; without --text bytes go as they are`)
}

func TestSem39_APromptReachesTheTerminalInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := converting(t, Text{Out: true})
		c.decide(&frame.Started{Encoding: "gbk"}, true)
		var out bytes.Buffer
		_, err := io.WriteString(c.stdout(&out), "C:\\\xc4\xbf> ")
		require.NoError(t, err)
		time.Sleep(text.Silence)
		synctest.Wait()
		assert.Equal(t, `C:\目> `, out.String())
		require.NoError(t, c.close())
	})
}

// stuck takes nothing until it is told to.
type stuck struct{ until chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.until
	return len(p), nil
}

func TestSem10_WhatIsHeldOfALineCountsToo(t *testing.T) {
	for failure, want := range map[error]string{syscall.ENOSPC: "write stdout: no space left on device", syscall.EPIPE: ""} {
		c := converting(t, Text{Out: true})
		c.decide(&frame.Started{Encoding: "gbk"}, false)
		_, err := io.WriteString(c.stdout(full{failure}), "\xc4\xbf")
		require.NoError(t, err, "it is held")
		if err := c.close(); want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
			assert.True(t, errors.Is(err, failure))
		}
	}
	c := converting(t, Text{Err: true})
	w := stuck{make(chan struct{})}
	stderr := c.stderr(w)
	c.decide(&frame.Started{Encoding: "gbk"}, false)
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		_, _ = io.WriteString(stderr, "x\n")
	}()
	require.Eventually(t, func() bool {
		if c.lanes[0].mu.TryLock() {
			c.lanes[0].mu.Unlock()
			return false
		}
		return true
	}, 5*time.Second, time.Millisecond)
	assert.NoError(t, c.close(), "nobody waits for who takes nothing")
	close(w.until)
	<-writing
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }
