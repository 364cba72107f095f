//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem08_WhatCannotStartSaysWhyAndHasItsCode(t *testing.T) {
	p := start(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("exit 0\n"), 0o644))
	noInterpreter := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(noInterpreter, []byte("#!/no/such/interpreter\n"), 0o755))
	long := strings.Repeat("w", 100_000)
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		reason string
	}{
		{"not found", []string{"--argv", "box", "nosuchprogram"}, 127, `command not found: "nosuchprogram"`},
		{"no such path", []string{"--argv", "box", "/no/such/program"}, 127, `/no/such/program`},
		{"no interpreter", []string{"--argv", "box", noInterpreter}, 126, "interpreter"},
		{"not executable", []string{"--argv", "box", plain}, 126, "not executable"},
		{"a directory", []string{"--argv", "box", dir}, 126, "it is a directory"},
		{"an empty name", []string{"--argv", "box", ""}, 127, `""`},
		{"no such cwd", []string{"--cwd", "/no/such/folder", "box", "true"}, 126, `cannot start in "/no/such/folder"`},
		{"a cwd that is a file", []string{"--cwd", plain, "box", "true"}, 126, "not a directory"},
		{"a bad cwd and no shell", []string{"--cwd", "/no/such/folder", "--argv", "box", "nosuchprogram"}, 126, `cannot start in`},
		{"a word over 128 KiB", []string{"box", "true", long, long}, 126, "200006 bytes long, over the kernel's 131071"},
		{"START over 256 KiB", []string{"box", "true", long, long, long}, 126, `256 KiB.*rexec \S+ sh -s < script`},
		{"START over 256 KiB, argv", []string{"--argv", "box", "true", long, long, long}, 126, `256 KiB.*rexec \S+ sh -s < script`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s := p.runStatus("", c.args...)
			ours(t, o, c.code, "^rexec: box: .*"+c.reason)
			assert.Equal(t, "start_failed", s["kind"])
			assert.EqualValues(t, c.code, s.number(t, "code"))
			assert.EqualValues(t, c.code, s.number(t, "exit"))
			assert.Equal(t, "start", s["error_class"])
			assert.Regexp(t, c.reason, s["error"])
		})
	}
}

func TestSem08_TheShellsOwn126And127AreTheCommands(t *testing.T) {
	p := start(t)
	for line, code := range map[string]int{"nosuchprogram": 127, "/": 126} {
		o, s := p.runStatus("", "box", line)
		assert.Equal(t, code, o.code)
		assert.NotContains(t, o.stderr, "rexec")
		assert.Equal(t, "exited", s["kind"])
		assert.EqualValues(t, code, s.number(t, "code"))
	}
}

func TestSem08_WordsBelowTheLimitsRun(t *testing.T) {
	p := start(t)
	long := strings.Repeat("w", 125_000)
	assert.Equal(t, outcome{stdout: "250000"}, p.run(p.rexec("--argv", "box", "sh", "-c", `printf %s "$1$2" | wc -c | tr -d ' \n'`, "sh", long, long), ""))
}

func TestSem08_AnUnknownUserAndOneNotAllowedReadTheSame(t *testing.T) {
	p := start(t)
	p.stop()
	ring := filepath.Join(p.state, "keyring.toml")
	text, err := os.ReadFile(ring)
	require.NoError(t, err)
	own := strings.TrimSpace(p.output("id", "-un"))
	limited := strings.Replace(string(text), "id = \"admin\"\n", "id = \"admin\"\nusers = [\""+own+"\", \"nosuchuser\"]\n", 1)
	require.NotEqual(t, string(text), limited)
	require.NoError(t, os.WriteFile(ring, []byte(limited), 0o600))
	p.serve()

	assert.Equal(t, outcome{stdout: own + "\n"}, p.run(p.rexec(own+"@box", "id -un"), ""), "who is allowed")
	said := map[string]string{}
	for _, user := range []string{"nosuchuser", "nosuchusereither", "daemon"} { // allowed and not there; neither; there and not allowed
		for _, args := range [][]string{{user + "@box", "true"}, {"-l", user, "box", "true"}, {"-o", "User=" + user, "box", "true"}} {
			o, s := p.runStatus("", args...)
			ours(t, o, 254, "^rexec: box: refused by the daemon's policy: ")
			assert.Equal(t, "refused", s["kind"])
			assert.Equal(t, "refused", s["error_class"])
			assert.Nil(t, s["code"])
			said[user] = strings.ReplaceAll(o.stderr, strconv.Quote(user), "USER")
		}
		o := p.run(p.rexec("ssh", user+"@box", "true"), "")
		ours(t, o, 255, "^rexec: box: refused")
	}
	assert.Equal(t, said["nosuchuser"], said["daemon"])
	assert.Equal(t, said["nosuchusereither"], said["daemon"])
}

// output is what a program of this machine prints.
func (p *program) output(name string, args ...string) string {
	p.t.Helper()
	out, err := exec.Command(name, args...).Output()
	require.NoError(p.t, err)
	return string(out)
}

func TestSem10_TheStatusTellsWhatIsKnown(t *testing.T) {
	p := start(t)
	o, s := p.runStatus("12345", "box", "cat; echo error >&2; sleep 0.05; exit 255")
	assert.Equal(t, outcome{stdout: "12345", stderr: "error\n", code: 255}, o)
	for name, want := range map[string]any{"host": "box", "kind": "exited", "signal": "", "core": false, "held": []any{},
		"os": "linux", "encoding": "utf-8", "error_class": "", "error": ""} {
		assert.Equal(t, want, s[name], name)
	}
	for name, want := range map[string]int64{"code": 255, "exit": 255, "bytes_in": 5, "bytes_out": 5, "bytes_err": 6, "survivors": 0} {
		assert.Equal(t, want, s.number(t, name), name)
	}
	assert.Regexp(t, "^[0-9a-f]{32}$", s["session"])
	assert.Contains(t, []any{"cgroup", "group"}, s["containment"])
	assert.GreaterOrEqual(t, s.number(t, "wall_us"), int64(50_000))
	assert.Less(t, s.number(t, "wall_us"), int64(60_000_000))
	for _, name := range []string{"user_us", "system_us", "peak_bytes"} {
		assert.GreaterOrEqual(t, s.number(t, name), int64(0), name)
	}

	_, s = p.runStatus("", "box", "dd if=/dev/zero of=/dev/null bs=100000000 count=1; kill -SEGV $$")
	assert.Equal(t, []any{"signaled", "SEGV", nil}, []any{s["kind"], s["signal"], s["code"]})
	assert.EqualValues(t, 139, s.number(t, "exit"))
	assert.Greater(t, s.number(t, "peak_bytes"), int64(50_000_000), "dd filled its buffer")

	o, s = p.runStatus("", "box", "sleep 300 & echo $!")
	assert.Equal(t, []any{0, ""}, []any{o.code, o.stderr})
	reap(t, atoi(t, o.stdout))
	assert.Equal(t, []any{"stdout", "stderr"}, s["held"])
}

func TestSem10_TheStatusToADescriptor(t *testing.T) {
	p := start(t)
	for fd := range 3 {
		sh := exec.Command("sh", "-c", `exec "$0" --status-json fd:$1 box 'exit 3' `+[]string{"3>&1 >&-", "", "2>&1 >/dev/null"}[fd], filepath.Join(bin, "rexec"), []string{"3", "1", "2"}[fd])
		sh.Env = p.rexec().Env
		o := p.run(sh, "")
		assert.Equal(t, 3, o.code, o.stderr)
		assert.Empty(t, o.stderr)
		assert.Regexp(t, `^\{.*"kind":"exited","code":3,.*\}\n$`, o.stdout)
	}
	ours(t, p.run(p.rexec("--status-json", "fd:9", "box", "true"), ""), 255, "^rexec: option --status-json: .*fd:9")
	ours(t, p.run(p.rexec("--status-json", "/no/such/folder/file", "box", "true"), ""), 255, "^rexec: option --status-json: .*/no/such/folder/file")
}

func TestSem10_TheStatusIsWrittenForOurOwnFailures(t *testing.T) {
	p := start(t)
	for name, c := range map[string]struct {
		args  []string
		class string
	}{
		"absent":  {[]string{"-o", "Port=1", "box", "true"}, "connect"},
		"unknown": {[]string{"nosuchhost", "true"}, "local"},
		"refused": {[]string{"-l", "nosuchuser", "box", "true"}, "refused"},
	} {
		o, s := p.runStatus("", c.args...)
		assert.Equal(t, c.class, s["error_class"], name)
		assert.EqualValues(t, o.code, s.number(t, "exit"), name)
		assert.NotEmpty(t, s["error"], name)
		assert.Nil(t, s["code"], name)
		assert.Empty(t, s["session"], name)
		assert.Contains(t, o.stderr, s["error"], name)
	}
}

func TestSem10_ALocalWriteThatFailsIsAFailureOfOurs(t *testing.T) {
	p := start(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	cmd := p.rexec("box", "head -c 1000000 /dev/zero")
	cmd.Stdout = full
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.Error(t, cmd.Run())
	assert.Equal(t, 255, cmd.ProcessState.ExitCode())
	assert.Regexp(t, "^rexec: .*no space left on device.*\n$", stderr.String())
}

func TestSem26_TimeoutIs124AndKillsTheTree(t *testing.T) {
	p := start(t)
	var o outcome
	var s status
	within(t, 2*time.Second, func() {
		o, s = p.runStatus("", "--timeout", "300ms", "box", "sleep 60 & echo $! $$; wait")
	})
	assert.Equal(t, 124, o.code)
	assert.Equal(t, "timeout", s["kind"])
	assert.EqualValues(t, 124, s.number(t, "exit"))
	assert.Nil(t, s["code"])
	for _, pid := range strings.Fields(o.stdout) {
		dies(t, pid, time.Second)
	}
	for _, bad := range []string{"0", "-1s", "5", "x", ""} {
		ours(t, p.run(p.rexec("--timeout", bad, "box", "true"), ""), 255, "^rexec: option --timeout: .*2s")
	}
}

// dies asserts that a process has ended within the time promised; whoever inherited it may still have to reap it.
func dies(t *testing.T, pid string, promised time.Duration) {
	t.Helper()
	n := atoi(t, pid)
	dead := func() bool {
		if syscall.Kill(n, 0) == syscall.ESRCH {
			return true
		}
		state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(n)).Output()
		return err != nil || strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
	}
	assert.Eventually(t, dead, slack*promised, 20*time.Millisecond, "process %d lives on", n)
}
