package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is what one run of the program left behind.
type said struct {
	code     int
	out, err string
}

// rexecd runs the program inside the test.
func rexecd(t *testing.T, args ...string) said {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		require.NoError(t, err)
		return f
	}
	in, out, errs := open("in"), open("out"), open("err")
	defer in.Close()
	code := run(t.Context(), args, stdio{in: in, out: out, err: errs, getenv: func(string) string { return "" }})
	read := func(f *os.File) string {
		defer f.Close()
		_, err := f.Seek(0, io.SeekStart)
		require.NoError(t, err)
		b, err := io.ReadAll(f)
		require.NoError(t, err)
		return string(b)
	}
	return said{code, read(out), read(errs)}
}

// state is a daemon that was set up.
func state(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	s := rexecd(t, "init", "--name", "box", "--listen", "127.0.0.1:7522", "--state", dir)
	require.Zero(t, s.code, s.err)
	return dir
}

// write replaces a file of a state, or a part of it: old "" is all of it.
func write(t *testing.T, dir, name, old, new string) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	text := new
	if old != "" {
		require.Contains(t, string(b), old)
		text = strings.Replace(string(b), old, new, 1)
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
