//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tmux is a terminal whose screen can be asked for. It has a server of its own.
type tmux struct {
	t   *testing.T
	env []string
	dir string
}

// needs skips a test whose programs are not there, unless everything is to be run.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("REXEC_E2E") != "all" {
			t.Skipf("no %s here", name)
		}
	}
}

// newTmux runs a program in a terminal of that size.
func newTmux(t *testing.T, env []string, rows, cols int, argv ...string) *tmux {
	t.Helper()
	dir, err := os.MkdirTemp("", "tm") // a socket's path is short
	require.NoError(t, err)
	m := &tmux{t: t, env: env, dir: dir}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf"), []byte("set -g status off\nset -g remain-on-exit on\nset -g default-terminal screen-256color\n"), 0o600))
	t.Cleanup(func() {
		m.run("kill-server")
		require.NoError(t, os.RemoveAll(dir))
	})
	m.run(append([]string{"-f", filepath.Join(dir, "conf"), "new-session", "-d", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows), "--"}, argv...)...)
	return m
}

func (m *tmux) run(args ...string) string {
	m.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-S", filepath.Join(m.dir, "s")}, args...)...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	require.NoError(m.t, err, "%v: %s", args, out)
	return string(out)
}

// screen is what is seen, with its colours.
func (m *tmux) screen() string { return m.run("capture-pane", "-p", "-e") }

func (m *tmux) keys(keys ...string) { m.run(append([]string{"send-keys", "--"}, keys...)...) }

func (m *tmux) resize(rows, cols int) {
	m.run("resize-window", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows))
}

// cursor is where it stands and whether it is seen.
func (m *tmux) cursor() string {
	return m.run("display-message", "-p", "#{cursor_x},#{cursor_y} visible #{cursor_flag} keypad #{keypad_cursor_flag}#{keypad_flag} other #{alternate_on} mouse #{mouse_any_flag} wrap #{wrap_flag}")
}

// fullScreen is a program that draws on the whole screen.
type fullScreen struct {
	name   string
	argv   []string
	drawn  string // is seen when it is up
	steps  []step // then taken, each followed by a comparison
	masked *regexp.Regexp
}

// step is what is typed at once. What is typed next may depend on its end, which then says what is seen on both sides: two
// screens that are equal may both have it still to come.
type step struct {
	keys []string
	seen string // a pattern; empty: nothing that matters
}

// typed are steps that nothing else depends on.
func typed(keys ...[]string) (steps []step) {
	for _, k := range keys {
		steps = append(steps, step{keys: k})
	}
	return steps
}

func TestSem36_TheScreenIsThatOfTheSameProgramHere(t *testing.T) {
	needs(t, "tmux", "vim", "less", "top")
	p := start(t)
	home := t.TempDir()
	file := filepath.Join(home, "text")
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "%d %s 你好 é\t|\n", i, strings.Repeat("word ", i%60))
	}
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	env := append(p.rexec().Env, "TERM=screen-256color", "LC_ALL=C.UTF-8", "PATH="+bin+":"+pathOf(p), "SHELL=/bin/sh")
	numbers := regexp.MustCompile(`[ 0-9.:+-]+`)
	sleeper := exec.Command("sleep", "600")
	require.NoError(t, sleeper.Start())
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()

	inner := filepath.Join(home, "inner")
	require.NoError(t, os.WriteFile(inner, []byte("set -g status-right ''\nset -g automatic-rename off\nset -g default-command \"env PS1='ok> ' sh\"\n"), 0o600))
	for _, f := range []fullScreen{
		{"vim", []string{"vim", "-u", "NONE", "-N", "-i", "NONE", "-n", "+set nocp ruler hls ve=all mouse=a nu", file}, "500L",
			typed([]string{"G"}, []string{"/word", "Enter"}, []string{":split", "Enter"}, []string{"i", "typed 你好", "Escape"}, []string{":syntax on", "Enter"}, []string{"C-f"}), nil},
		{"less", []string{"less", "-N", "-R", file}, "text",
			typed([]string{"G"}, []string{"/word word", "Enter"}, []string{"b"}, []string{"g"}, []string{"-S", "Enter"}), nil},
		{"top", []string{"top", "-d", "600", "-p", fmt.Sprint(sleeper.Process.Pid)}, "sleep",
			typed([]string{"x"}, []string{"z"}, []string{"c"}), numbers},
		{"tmux", []string{"env", "-u", "TMUX", "tmux", "-S", "SOCKET", "-f", inner, "new-session", "env", "PS1=ok> ", "sh"}, "ok>",
			[]step{{[]string{"C-b", "%"}, `ok>.*ok>`}, {[]string{"seq 100", "Enter"}, `99\s*\n.*100\s*\n.*ok>`},
				{[]string{"C-b", "["}, `\[0/\d+\]`}, {[]string{"PageUp"}, `\[[1-9]\d*/\d+\]`}}, nil},
	} {
		t.Run(f.name, func(t *testing.T) {
			sides := map[string]*tmux{}
			for _, side := range []string{"here", "there"} {
				argv := append([]string{}, f.argv...)
				for i, a := range argv {
					if a == "SOCKET" {
						argv[i] = filepath.Join(p.state, side)
						t.Cleanup(func() { _ = exec.Command("tmux", "-S", argv[i], "kill-server").Run() })
					}
				}
				if side == "there" {
					argv = append([]string{filepath.Join(bin, "rexec"), "--env", "LC_ALL=C.UTF-8", "-t", "--argv", "box"}, argv...)
				}
				m := newTmux(t, env, 60, 200, argv...)
				eventually(t, soon, func() bool { return strings.Contains(m.screen(), f.drawn) }, "%s is drawn %s: %s", f.name, side, lazy(func() any { return m.screen() }))
				sides[side] = m
			}
			var here, there string
			state := func(m *tmux) string {
				s := m.screen() + m.cursor()
				if f.masked != nil {
					s = f.masked.ReplaceAllString(s, " 0 ")
				}
				return s
			}
			equal := func() bool {
				here, there = state(sides["here"]), state(sides["there"])
				return here == there
			}
			same := func(when string) {
				t.Helper()
				// What was typed may change nothing, but usually does, and not always in one step: equal, and again.
				for before, end := here, time.Now().Add(300*time.Millisecond); state(sides["here"]) == before && time.Now().Before(end); {
					time.Sleep(tick)
				}
				for end := time.Now().Add(slack * soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					if equal() {
						time.Sleep(50 * time.Millisecond)
						if equal() {
							break
						}
					}
				}
				assert.Equal(t, here, there, "%s %s", f.name, when)
			}
			same("at 200x60")
			for _, s := range f.steps {
				for _, m := range sides {
					for _, k := range s.keys {
						m.keys(k)
					}
				}
				for side, m := range sides {
					seen := regexp.MustCompile(s.seen)
					eventually(t, soon, func() bool { return seen.MatchString(m.screen()) }, "%s behind %v %s: %s", f.name, s.keys, side, lazy(func() any { return m.screen() }))
				}
				same(fmt.Sprint("behind ", s.keys))
			}
			for _, size := range [][2]int{{30, 97}, {60, 200}} {
				for _, m := range sides {
					m.resize(size[0], size[1])
				}
				same(fmt.Sprint("at ", size))
			}
		})
	}
}
