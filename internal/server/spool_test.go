//go:build linux

package server

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/platform"
)

func unheard() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

func TestSem07_WhatWasRecordedIsFoundAgain(t *testing.T) {
	s, err := openSpool(filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err)
	e, err := s.begin("abc", "/sys/fs/cgroup/x")
	require.NoError(t, err)
	r, err := remains(e.path)
	require.NoError(t, err)
	assert.Equal(t, platform.Remains{ID: "abc", BootID: platform.BootID(), Cgroup: "/sys/fs/cgroup/x"}, r, "before the start")
	require.NoError(t, e.started(os.Getpid()))
	at, err := platform.StartTime(os.Getpid())
	require.NoError(t, err)
	r, err = remains(e.path)
	require.NoError(t, err)
	assert.Equal(t, os.Getpid(), r.PID)
	assert.Equal(t, at, r.StartTime)
	e.end()
	r, err = remains(e.path)
	require.NoError(t, err)
	assert.Equal(t, "none", r.BootID, "nothing to sweep")

	again, err := s.begin("d", "")
	require.NoError(t, err)
	assert.Equal(t, e.path, again.path, "files are used again")
	r, err = remains(again.path)
	require.NoError(t, err)
	assert.Equal(t, platform.Remains{ID: "d", BootID: platform.BootID()}, r, "nothing of the longer one before")
	again.end()
	s.close()
	assert.NoFileExists(t, e.path)
}

func TestARecordNeverTakesThePlaceOfAnother(t *testing.T) {
	s, err := openSpool(t.TempDir())
	require.NoError(t, err)
	foreign := filepath.Join(s.dir, "1")
	require.NoError(t, os.WriteFile(foreign, []byte("cannot be swept"), 0o600))
	var all []*entry
	for range mostIdle + 3 {
		e, err := s.begin("x", "")
		require.NoError(t, err)
		all = append(all, e)
	}
	for _, e := range all {
		e.end()
	}
	files, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	assert.Len(t, files, mostIdle+1)
	s.close()
	b, err := os.ReadFile(foreign)
	require.NoError(t, err)
	assert.Equal(t, "cannot be swept", string(b))
	files, err = os.ReadDir(s.dir)
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

func TestSem07_ATornRecordIsSweptOnceAndForgotten(t *testing.T) {
	s, err := openSpool(t.TempDir())
	require.NoError(t, err)
	for name, content := range map[string]string{"empty": "", "torn": `{"ID":"to`, "second": "{\"ID\":\"second\",\"BootID\":\"\",\"Cgroup\":\"\"}\n{\"PID\":1"} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600))
	}
	require.NoError(t, s.sweep(unheard()))
	left, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestSem07_TheSweepEndsWhatIsRecordedAndNothingElse(t *testing.T) {
	s, err := openSpool(t.TempDir())
	require.NoError(t, err)
	mine, other := exec.Command("sleep", "100"), exec.Command("sleep", "100")
	mine.Env, other.Env = []string{"REXEC_SESSION=5ee9ab1e"}, []string{"REXEC_SESSION=07e4"}
	for _, c := range []*exec.Cmd{mine, other} {
		require.NoError(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	_, err = s.begin("5ee9ab1e", "")
	require.NoError(t, err)
	swept := make(chan error, 1)
	go func() { swept <- s.sweep(unheard()) }()
	require.Error(t, mine.Wait())
	require.NoError(t, <-swept)
	assert.NoError(t, other.Process.Signal(syscall.Signal(0)), "the other lives")
}
