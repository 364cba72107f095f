//go:build linux

package dropin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every program that is run.
const patience = 3 * time.Minute

// need gives the world, if the programs are there. With REXEC_E2E=all they have to be.
func need(t *testing.T, programs ...string) *world {
	t.Helper()
	for _, p := range append(programs, "ssh", "ssh-keygen", "sshd") {
		if _, err := look(p); err != nil {
			if everything {
				require.NoError(t, err, "REXEC_E2E=all leaves nothing out: install %s", p)
			}
			t.Skipf("not run: no %s here", p)
		}
	}
	w, err := earth()
	require.NoError(t, err)
	return w
}

// needTime is need for a test of many seconds, most of which the program itself takes.
func needTime(t *testing.T, programs ...string) *world {
	t.Helper()
	if !everything {
		t.Skip("not run: it takes its time, which REXEC_E2E=all has")
	}
	return need(t, programs...)
}

// both runs f both ways, each in folders of its own: here stands for the local side, there for the other one. What f gives
// must be equal.
func both[T any](t *testing.T, w *world, f func(t *testing.T, v way, here, there string) T) {
	t.Helper()
	var results []T
	for _, v := range []way{w.rexec, w.openssh} {
		t.Run(v.name, func(t *testing.T) {
			base := t.TempDir()
			here, there := filepath.Join(base, "here"), filepath.Join(base, "there")
			require.NoError(t, errors.Join(os.Mkdir(here, 0o755), os.Mkdir(there, 0o755)))
			began, before := time.Now(), w.accepted(t)
			results = append(results, f(t, v, here, there))
			t.Logf("%.1f s, %d sessions", time.Since(began).Seconds(), w.accepted(t)-before)
			require.Equal(t, v.name == "rexec", w.accepted(t) > before, "it went the other way")
			w.settled(t)
		})
	}
	if t.Failed() {
		return
	}
	require.Len(t, results, 2)
	require.Equal(t, results[1], results[0], "what came of it over rexec is not what came of it over OpenSSH")
}

// accepted counts the sessions that the daemon ever had.
func (w *world) accepted(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(w.state + "/audit.log")
	require.NoError(t, err)
	return strings.Count(string(log), `"event":"command.accepted"`) + strings.Count(string(log), `"event":"forward.accepted"`)
}

// settled waits until the daemon has no session any more.
func (w *world) settled(t *testing.T) {
	t.Helper()
	var status struct{ Sessions int }
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		out, err := w.rexecd("status", "--json").Output()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(out, &status), "%s", out)
		if status.Sessions == 0 {
			return
		}
		require.Less(t, time.Since(began), 20*time.Second, "%d sessions are left", status.Sessions)
	}
}

// command is a program that finds this way's ssh first.
func (w *world) command(ctx context.Context, v way, dir, name string, args ...string) *exec.Cmd {
	if path, err := look(name); err == nil {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + v.bin + ":" + os.Getenv("PATH"), "HOME=" + w.dir + "/home", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC"}, v.env...)
	return cmd
}

// result is what a shell sees of a program.
type result struct {
	Code           int
	Stdout, Stderr string
}

// try runs a program to its end.
func (w *world) try(t *testing.T, cmd func(context.Context) *exec.Cmd) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := cmd(ctx)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = 10 * time.Second
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, "%s\n%s%s", c, out.String(), errs.String())
	}
	require.NoError(t, ctx.Err(), "%s takes too long\n%s%s", c, out.String(), errs.String())
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run is try of a program that must succeed; it gives stdout.
func (w *world) run(t *testing.T, v way, dir, name string, args ...string) string {
	t.Helper()
	return w.runEnv(t, v, dir, nil, name, args...)
}

func (w *world) runEnv(t *testing.T, v way, dir string, env []string, name string, args ...string) string {
	t.Helper()
	r := w.try(t, func(ctx context.Context) *exec.Cmd {
		c := w.command(ctx, v, dir, name, args...)
		c.Env = append(c.Env, env...)
		return c
	})
	require.Zero(t, r.Code, "%s %q\n%s%s\nthe daemon:\n%s", name, args, r.Stdout, r.Stderr, tail(w.log.String()))
	return r.Stdout
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// Names that break what quotes badly.
const (
	chinese = "系统 找不到 指定的路径.txt"
	spaced  = " two  words'\"$HOME"
)

// plant fills a folder with what transfer programs get wrong.
func plant(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"空 目录", "a b/c d/深", "empty"} {
		require.NoError(t, os.MkdirAll(at(d), 0o755))
	}
	for name, text := range map[string]string{
		chinese: "你好\n", spaced: "spaces", "a b/c d/深/f": "deep", "-n": "dash", "zero": "", "bin": string(seeded(1, 100000)), "a b/x.sh": "#!/bin/sh\n",
	} {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o644))
	}
	require.NoError(t, os.Chmod(at("a b/x.sh"), 0o755))
	require.NoError(t, os.Chmod(at("bin"), 0o600))
	require.NoError(t, os.Symlink(chinese, at("链接")))
	require.NoError(t, os.Symlink("nowhere", at("dangling")))
	age(t, dir)
}

// age gives all files one time, so that it can be compared.
func age(t *testing.T, dir string) {
	t.Helper()
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		return os.Chtimes(path, when, when)
	}))
}

// seeded is always the same n bytes.
func seeded(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// seededFile writes n bytes that are always the same.
func seededFile(t *testing.T, path string, seed byte, n int64) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{seed}), n)
	require.NoError(t, errors.Join(err, f.Close()))
}

// sum is a file's content in a few characters.
func sum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// tree lists a folder: names, modes, contents, targets of links; with times, those of files too.
func tree(t *testing.T, dir string, times bool) string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %q", info.Mode(), rel)
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" -> %q", target)
		case d.Type().IsRegular():
			line += fmt.Sprintf(" %d %s", info.Size(), sum(t, path))
			if times {
				line += " " + info.ModTime().UTC().Format(time.RFC3339)
			}
		}
		lines = append(lines, line)
		return nil
	}))
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// plain replaces folders, and what differs from run to run, by words.
func plain(text string, replace ...string) string {
	text = strings.NewReplacer(replace...).Replace(text)
	return regexp.MustCompile(`[0-9.,]+ (bytes|[KMG]?B)/sec?`).ReplaceAllString(text, "SPEED")
}

// sortLines is for programs whose lines come in any order.
func sortLines(text string) []string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// removeLinks takes the symbolic links out of a folder.
func removeLinks(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSymlink {
			return os.Remove(path)
		}
		return err
	})
}
