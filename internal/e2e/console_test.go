//go:build linux

package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
	"rexec/internal/faulty"
	"rexec/internal/server"
)

func TestSem30_HoweverItEndsTheTerminalIsAsItWas(t *testing.T) {
	p := start(t)
	proxy, port := p.through(faulty.Plan{})
	signal := func(n syscall.Signal) func(*console) {
		return func(s *console) { require.NoError(s.t, s.cmd.Process.Signal(n)) }
	}
	types := func(text string) func(*console) { return func(s *console) { s.types(text) } }
	for _, c := range []struct {
		name   string
		args   []string
		end    func(*console)
		code   int
		signal string
		last   string // what the screen ends with
	}{
		{"exit", nil, types("exit 3\r"), 3, "", `exit 3\r\n$`},
		{"^D", nil, types("\x04"), 0, "", `ok> (\^D\x08\x08)?(\r\n)?$`},
		{"its own death", nil, types("kill -KILL $$\r"), 137, "", `\r\n$`},
		{"~.", nil, types("~."), 255, "", `ok> \x0f\x1b\[m\r\n$`},
		{"~. in a full screen", nil, func(s *console) {
			s.types("printf '\\033[?1049h\\033[?25l'; sleep 100\r")
			s.sees("\x1b[?25l")
			s.types("~.")
		}, 255, "", `\x1b\[\?25h\x1b\[\?1049l\x0f\x1b\[m$`},
		{"TERM", nil, signal(syscall.SIGTERM), 143, "terminated", `ok> \x0f\x1b\[m\r\n$`},
		{"HUP", nil, signal(syscall.SIGHUP), 129, "hangup", `ok> \x0f\x1b\[m\r\n$`},
		{"INT", nil, signal(syscall.SIGINT), 130, "interrupt", `\r\n$`},
		{"QUIT", nil, signal(syscall.SIGQUIT), 131, "", `\r\n$`},
		{"ABRT", nil, signal(syscall.SIGABRT), 134, "", `\r\n$`},
		{"a timeout", []string{"--timeout", "700ms"}, nil, 124, "", `(^|\r\n)rexec: box: the command ran out of time [^\n]*\r\n$`},
		{"a cut connection", []string{"-p", port}, func(*console) { proxy.Cut() }, 255, "", `ok> \x0f\x1b\[m\r\nrexec: box: the connection is lost: [^\n]*\r\n$`},
	} {
		s := p.console(p.rexec(append(c.args, "box")...))
		if c.end != nil { // else it has no time for words
			s.prompts()
			c.end(s)
		}
		o := s.ends(soon)
		assert.Equal(t, c.code, o.code, c.name)
		assert.Equal(t, c.signal, o.signal, c.name)
		assert.Regexp(t, c.last, o.stdout, c.name)
	}
	p.nothingLeft()
}

func TestSem30_ADaemonThatIsKilledIsALostConnection(t *testing.T) {
	p := start(t)
	s := p.console(p.rexec("box"))
	s.prompts()
	p.kill()
	o := s.ends(time.Second)
	assert.Equal(t, 255, o.code)
	assert.Regexp(t, `\r\nrexec: box: the connection is lost: [^\n]*\r\n$`, o.stdout)
	p.serve()
}

func TestSem30_KeysAreBytes(t *testing.T) {
	p := start(t)
	s := p.console(p.rexec("-t", "box", "stty raw -echo; echo up; head -c 7 | od -An -tx1; stty sane"))
	s.sees("up")
	s.types("\x03\x04\x1a\x1c\x11\x13\x00")
	s.sees("03 04 1a 1c 11 13 00")
	assert.Zero(t, s.ends(soon).code)

	s = p.console(p.rexec("-t", "box", "echo up; cat"))
	s.sees("up")
	s.types("\x04")
	assert.Zero(t, s.ends(soon).code, "^D ended the cat")
	assert.Equal(t, "up\r\n", s.screen.String(), "no word of ours")
}

func TestSem29_TheFirstPromptHasTheTerminalsSizeAndModes(t *testing.T) {
	p := start(t)
	s := p.console(p.rexec("-t", "box", "trap 'stty size' WINCH; stty size; echo $TERM; stty -a; echo up; while :; do sleep 0.02; done"))
	s.sees("up\r\n")
	assert.True(t, strings.HasPrefix(s.screen.String(), "24 80\r\nxterm\r\n"), "%q", s.screen)
	there := strings.Fields(strings.NewReplacer("\r", " ", ";", " ").Replace(s.screen.String()))
	here := strings.Fields(strings.ReplaceAll(s.cooked(), ";", " "))
	assert.Subset(t, there, here)
	for _, size := range []struct{ rows, cols uint16 }{{60, 200}, {5, 20}} {
		require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: size.rows, Cols: size.cols}))
		s.sees(fmt.Sprintf("\r\n%d %d\r\n", size.rows, size.cols))
	}
	s.types("\x03")
	s.ends(soon)
}

// cooked are the modes that the terminal had before rexec changed them, but for what is not a mode.
func (s *console) cooked() string {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", `t=$(tty </proc/self/fd/3); stty -F "$t" "$1"; stty -F "$t" -a`, "sh", strings.TrimSpace(s.before))
	cmd.ExtraFiles = append(cmd.ExtraFiles, s.tty)
	now := s.stty("-g")
	out, err := cmd.CombinedOutput()
	s.stty(strings.TrimSpace(now))
	require.NoError(s.t, err, string(out))
	_, modes, _ := strings.Cut(string(out), "intr")
	return "intr" + modes
}

func TestSem31_EscapesThroughTheWholeProgram(t *testing.T) {
	p := start(t)
	s := p.console(p.rexec("box"))
	s.prompts()
	s.types("~?")
	s.sees("~.   leave: what runs there is ended\r\n")
	s.types("~#")
	s.matches(`box \(127\.0\.0\.1:\d+\): connected for \d+s, round trip \d+\.\d\d ms, \d+ bytes typed, \d+ bytes shown\r\n`)
	s.does("echo '~~.' a~.b")
	s.sees("\r\n~~. a~.b\r\n")
	s.types("~~")
	s.types("\x15")
	s.does("echo '\r~~.'")
	s.sees("\r\n~.\r\n")
	s.types("~.")
	assert.Equal(t, 255, s.ends(soon).code)

	s = p.console(p.rexec("-e", "%", "box"))
	s.prompts()
	s.types("~?%?")
	s.types("\x15")
	s.sees("~?")
	assert.NotContains(t, s.screen.String(), "leave: what runs")
	s.types("\r%?")
	s.sees("%.   leave: what runs there is ended\r\n")
	s.types("%.")
	assert.Equal(t, 255, s.ends(soon).code)

	s = p.console(p.rexec("-e", "none", "box"))
	s.prompts()
	s.does("~.")
	s.types("exit 5\r")
	assert.Equal(t, 5, s.ends(soon).code)
	p.nothingLeft()
}

func TestSem24_ASignalAtAClientWithATerminalThereIsAGoodbye(t *testing.T) {
	p := start(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		j := p.begin(p.rexec("-tt", "box", "trap '' INT TERM; echo up; sleep 100"))
		j.says("up")
		j.signal(sig)
		o := j.wait(soon)
		assert.Equal(t, 128+int(sig), o.code)
		assert.NotEmpty(t, o.signal)
		assert.NotContains(t, o.stderr, "rexec:")
	}
	p.nothingLeft()
}

func TestASuspendedClientGivesTheTerminalBackAndKeepsItsCommand(t *testing.T) {
	cfg := daemon(t, func(c *server.Config) { c.Params = hmacauth.Params{PingSeconds: 1, PingCount: 3} }) // which loses a silent client after four seconds
	p := clientOf(t, cfg)
	shell := exec.Command("bash", "--norc", "-i")
	shell.Env = append(p.rexec().Env, "PS1=here> ", "INPUTRC=/dev/null", "PATH="+bin+":"+pathOf(p))
	s := p.console(shell)
	s.sees("here> ")
	s.types("stty -g\r")
	s.sees(strings.TrimSpace(s.before)[:20])
	s.types("rexec box\r")
	s.prompts()
	s.does("x=kept")
	s.types("~\x1a")
	s.sees("Stopped")
	modes := strings.Count(s.screen.String(), strings.TrimSpace(s.before)[:20])
	s.types("stty -g\r")
	eventually(t, soon, func() bool {
		return strings.Count(s.screen.String(), strings.TrimSpace(s.before)[:20]) > modes
	}, "the shell has its terminal: %q", s.screen)
	s.types("bg\r")
	s.sees("rexec box &")
	time.Sleep(4500 * time.Millisecond) // the silence that the daemon would not bear
	require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 40, Cols: 100}))
	s.types("fg\r")
	s.isRaw()
	s.does(`until [ "$(stty size)" = "40 100" ]; do sleep 0.02; done; echo is $x; stty size`)
	s.sees("\r\nis kept\r\n40 100\r\n")

	// stopped by force: the shell here puts its terminal right itself, and gives it back
	stops := strings.Count(s.screen.String(), "Stopped") // by ~^Z and by the terminal, behind bg
	require.NoError(t, syscall.Kill(s.foreground(), syscall.SIGSTOP))
	eventually(t, soon, func() bool { return strings.Count(s.screen.String(), "Stopped") > stops }, "stopped: %q", s.screen)
	s.types("fg\r")
	s.isRaw()
	s.does("echo still $x")
	s.sees("\r\nstill kept\r\n")
	s.types("exit 4\r")
	s.matches(`exit 4\r\n(\x1b\[\?2004h)?here> `)
	s.types("echo code $?\r")
	s.sees("code 4")
	s.types("exit\r")
	s.ends(soon)
}

func TestAQuietConnectionIsToldAndTakenBack(t *testing.T) {
	p := start(t)
	proxy, port := p.through(faulty.Plan{})
	s := p.console(p.rexec("-p", port, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=30", "box"))
	s.prompts()
	proxy.Pause()
	s.types("echo later\r")
	told := regexp.MustCompile(` box: no answer for (\d+) s, ~\. to leave \x1b8`)
	times := func() (all []int) {
		for _, m := range told.FindAllStringSubmatch(s.screen.String(), -1) {
			all = append(all, atoi(t, m[1]))
		}
		return slices.Compact(all)
	}
	eventually(t, soon, func() bool { return len(times()) > 1 }, "the silence is told, and how it grows: %q", s.screen)
	assert.True(t, slices.IsSorted(times()), "%v", times())
	assert.GreaterOrEqual(t, times()[0], 2)
	proxy.Resume()
	s.matches(`\x1b\[m {37,38}\x1b8`)
	s.sees("\r\nlater\r\n")
	proxy.Pause()
	s.types("\r~.") // nobody there answers
	assert.Equal(t, 255, s.ends(soon).code)
}

func TestSem34_ControlCUnderAFloodOverASlowLink(t *testing.T) {
	p := start(t)
	_, port := p.through(faulty.Plan{Up: faulty.Fault{Rate: 100_000}, Down: faulty.Fault{Rate: 100_000}})
	s := p.console(p.rexec("-p", port, "box"))
	s.prompts()
	s.types("yes flood\r")
	// what a link of that rate has brought behind the first bytes of the flood: the path is full
	eventually(t, soon, func() bool { return len(s.screen.String()) > 200_000 }, "a flood: %d bytes", len(s.screen.String()))
	began := time.Now()
	s.types("\x03")
	eventually(t, 2*time.Second, func() bool { return strings.HasSuffix(s.screen.String(), "ok> ") }, "a prompt behind the flood")
	took := time.Since(began)
	t.Logf("^C took effect after %v", took.Round(time.Millisecond))
	assertWithin(t, 2*time.Second, took, "^C takes effect")
	s.types("exit\r")
	s.ends(soon)
}
