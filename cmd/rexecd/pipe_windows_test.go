package main

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func newPipe(t *testing.T) (*pipeListener, string) {
	t.Helper()
	name := `\\.\pipe\rexecd-test-` + rand.Text()
	l, err := listenPipe(name)
	require.NoError(t, err)
	return l, name
}

func TestPipeCarriesAWholeAnswerToEveryClient(t *testing.T) {
	l, name := newPipe(t)
	answer := strings.Repeat("0123456789abcdef", 4*pipeBuffer/16) // more than the pipe holds
	var server, clients sync.WaitGroup
	server.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				assert.ErrorIs(t, err, net.ErrClosed)
				return
			}
			_ = c.SetDeadline(time.Now().Add(controlTime))
			asked := make([]byte, 3)
			_, err = io.ReadFull(c, asked)
			assert.NoError(t, err)
			_, err = io.WriteString(c, answer)
			assert.NoError(t, errors.Join(err, c.Close()))
		}
	})
	for range 8 {
		clients.Go(func() {
			c, err := dialPipe(name, controlTime)
			if !assert.NoError(t, err) {
				return
			}
			_, err = io.WriteString(c, "ask")
			assert.NoError(t, err)
			got := make([]byte, len(answer))
			_, err = io.ReadFull(c, got)
			assert.NoError(t, errors.Join(err, c.Close()))
			assert.Equal(t, answer, string(got))
		})
	}
	clients.Wait()
	require.NoError(t, l.Close())
	server.Wait()
	assert.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err := dialPipe(name, time.Second)
	assert.ErrorIs(t, err, windows.ERROR_FILE_NOT_FOUND, "it goes with the listener")
}

func TestPipeOutlivesClientsThatLeaveAtOnce(t *testing.T) {
	l, name := newPipe(t)
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveControl(l, map[string]func() (any, error){"status": func() (any, error) { return 7, nil }})
	}()
	for range 5 {
		c, err := dialPipe(name, controlTime)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	c, err := dialPipe(name, controlTime)
	require.NoError(t, err)
	_, err = io.WriteString(c, "status\n")
	require.NoError(t, err)
	answer := make([]byte, len(`{"status":7}`))
	_, err = io.ReadFull(c, answer)
	require.NoError(t, errors.Join(err, c.Close()))
	assert.JSONEq(t, `{"status":7}`, string(answer))
	require.NoError(t, l.Close())
	<-served
}

func TestPipeThatIsSilentRunsIntoItsDeadline(t *testing.T) {
	l, name := newPipe(t)
	c, err := dialPipe(name, controlTime)
	require.NoError(t, err)
	defer c.Close()
	s, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, s.SetDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = s.Read(make([]byte, 1))
	var late net.Error
	require.ErrorAs(t, err, &late)
	assert.True(t, late.Timeout())
	require.NoError(t, s.Close(), "which does not wait for the client any longer")
	require.NoError(t, l.Close())
}

func TestControlPipesOfTwoFoldersAreTwo(t *testing.T) {
	one, two := paths{data: `C:\ProgramData\rexec`}, paths{data: `C:\ProgramData\rexec2`}
	assert.NotEqual(t, one.control(), two.control())
	assert.Equal(t, one.control(), paths{data: `c:\programdata\REXEC\`}.control(), "however it is written")
}
