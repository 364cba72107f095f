//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"rexec/hmacauth"
	"rexec/internal/inventory"
	"rexec/internal/policy"
	"rexec/internal/server"
)

func TestMain(m *testing.M) {
	if strings.HasSuffix(os.Args[0], ".test") { // not one of the programs below, which this binary is too
		// Under nohup or a script's & some signals are ignored, and so they would be in the programs; what is waited for
		// is given to them as the default.
		for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
			if signal.Ignored(sig) {
				signal.Notify(make(chan os.Signal, 1), sig)
			}
		}
	}
	testscript.Main(m, map[string]func(){"crash": crash, "rexec": main, "rexec-ssh": main})
}

// daemon is what the scripts talk to.
type daemon struct {
	address string
	token   hmacauth.Token // of the key admin
	limited hmacauth.Token // of a key that may run nothing but uptime
	wrong   hmacauth.Token // of a key that it does not have
	again   []byte         // another daemon's pin
}

func startDaemon(t *testing.T) daemon {
	t.Helper()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	pin, err := server.HostPin(key)
	require.NoError(t, err)
	other, err := server.NewHostKey("box")
	require.NoError(t, err)
	otherPin, err := server.HostPin(other)
	require.NoError(t, err)

	ring := new(policy.Ring)
	admin := policy.Key{ID: "admin", Secret: hmacauth.NewSecret()}
	require.NoError(t, ring.Add(admin))
	limited := policy.Key{ID: "limited", Secret: hmacauth.NewSecret(), Commands: []string{"uptime"}}
	require.NoError(t, ring.Add(limited))
	s, err := server.New(server.Config{
		Names: []string{"box"}, HostKey: key, Ring: ring, AcceptEnv: []string{"LANG", "LC_*", "ALLOWED"}, Shell: "/bin/sh",
		RefuseAfter: time.Millisecond, RefuseJitter: time.Millisecond,
	})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	token := func(k policy.Key) hmacauth.Token {
		return hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: k.ID, Secret: k.Secret, ServerID: "box", Pin: pin, Address: l.Addr().String()}
	}
	return daemon{address: l.Addr().String(), token: token(admin), limited: token(limited), again: otherPin,
		wrong: token(policy.Key{ID: "admin", Secret: hmacauth.NewSecret()})}
}

// strange listens and says something that is not rexec/1 to everybody, until they go away.
func strange(t *testing.T, greeting string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, greeting)
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// nobody is an address where nothing listens, and cannot begin to: a socket has it that never will.
func nobody(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	unix.CloseOnExec(fd)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	at, err := unix.Getsockname(fd)
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
}

// TestScripts runs the real program, as processes, against a daemon in this one.
func TestScripts(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		var left error
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); { // goleak itself is patient for half a second
			if left = goleak.Find(before); left == nil {
				return
			}
		}
		t.Error(left)
	})
	d := startDaemon(t)
	http := strange(t, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	ssh := strange(t, "SSH-2.0-OpenSSH_10.0\r\n")
	silent := strange(t, "")
	absent := nobody(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{
				"GORACE": "atexit_sleep_ms=0", // else every program of a -race run ends a second later
				"HTTP":   http, "SSH": ssh, "SILENT": silent, "ABSENT": absent, "ADDRESS": d.address,
				"HOME": filepath.Join(env.WorkDir, "home"), "REXEC_CONFIG_DIR": filepath.Join(env.WorkDir, "conf"),
			} {
				env.Setenv(name, value)
			}
			for _, v := range [...]string{"HTTP", "SSH", "SILENT", "ABSENT", "ADDRESS"} {
				_, port, err := net.SplitHostPort(env.Getenv(v))
				if err != nil {
					return err
				}
				env.Setenv(v+"_PORT", port)
			}
			return d.files(env.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exit": exitCommand, "zeros": zerosCommand, "signal": signalCommand, "shows": showsCommand},
	})
}

// files writes tokens and an inventory with the host box.
func (d daemon) files(dir string) error {
	unpinned := d.token
	unpinned.Pin = nil
	changed := d.token
	changed.Pin = d.again
	for name, tok := range map[string]hmacauth.Token{
		"box.token": d.token, "limited.token": d.limited, "wrong.token": d.wrong, "unpinned.token": unpinned, "changed.token": changed,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(tok.Encode()+"\n"), 0o600); err != nil {
			return err
		}
	}
	inv, err := inventory.Open(filepath.Join(dir, "conf"))
	if err != nil {
		return err
	}
	return errors.Join(inv.Add("box", d.token), inv.Add("limited", d.limited), inv.Add("wrong", d.wrong),
		inv.Add("fresh", unpinned), inv.Add("changed", changed))
}

// exitCommand is "exit N PROGRAM...": the program must end with exactly that code, or, as SIGNAME, die of that signal.
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("want: exit N PROGRAM [ARG...]")
	}
	if got := ending(ts, ts.Exec(args[1], args[2:]...)); got != args[0] {
		ts.Fatalf("exit %s, want %s", got, args[0])
	}
}

// ending is an exit code, or "signal" and its name.
func ending(ts *testscript.TestScript, err error) string {
	got := "0"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = strconv.Itoa(exit.ExitCode())
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			got = "signal " + ws.Signal().String()
		}
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	return got
}

// signalCommand is "signal NAME[,NAME] END PROGRAM...": when the program, which is given -v or says "up", is up, it gets
// the signals, the second when the first was passed on; then its stdin ends, and so must it, as END says.
func signalCommand(ts *testscript.TestScript, _ bool, args []string) {
	numbers := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT}
	names, want := strings.Split(args[0], ","), args[1]
	words := args[2:]
	if words[0] == "rexec" {
		words = append([]string{"rexec", "-v"}, words[1:]...)
	}
	cmd := exec.Command("/usr/bin/env", words...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "REXEC_CONFIG_DIR=" + ts.Getenv("REXEC_CONFIG_DIR"), "GORACE=" + ts.Getenv("GORACE")}
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	story, out := bufio.NewReader(stderr), bufio.NewReader(stdout)
	until := func(r *bufio.Reader, part string) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				ts.Fatalf("no line with %q: %v", part, err)
			}
			if strings.Contains(line, part) {
				return
			}
		}
	}
	if slices.Contains(words, "-N") {
		until(story, "proved that it holds")
	} else {
		until(out, "up")
	}
	for i, name := range names {
		if i > 0 {
			until(story, "passing SIG")
		}
		ts.Check(cmd.Process.Signal(numbers[name]))
	}
	if want == "0" {
		ts.Check(stdin.Close())
	}
	ended := make(chan struct{})
	var again sync.WaitGroup
	if len(names) > 1 { // on a busy machine the second may come later than within its second, and is a first one then
		again.Go(func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(500 * time.Millisecond):
					_ = cmd.Process.Signal(numbers[names[len(names)-1]])
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, story)
	_, _ = io.Copy(io.Discard, out)
	close(ended)
	again.Wait()
	if got := ending(ts, cmd.Wait()); got != want {
		ts.Fatalf("%v, want %v", got, want)
	}
}

// showsCommand is "shows REGEXP FILE PROGRAM...": on a terminal into which FILE is typed, the program must show that.
// testscript's own ttyout closes the terminal when the program has ended, whatever was not yet read of it.
func showsCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	typed := ts.ReadFile(args[1]) + "\x04"
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "WORK", "HOME", "REXEC_CONFIG_DIR", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	screen, err := pty.Start(cmd)
	ts.Check(err)
	defer screen.Close()
	_, err = io.WriteString(screen, typed)
	ts.Check(err)
	var shown strings.Builder
	_, _ = io.Copy(&shown, screen) // to its end, which is EIO
	if got := ending(ts, cmd.Wait()); got != "0" {
		ts.Fatalf("%v: %q", got, shown.String())
	}
	if !want.MatchString(shown.String()) {
		ts.Fatalf("no %q in %q", args[0], shown.String())
	}
}

// zerosCommand is "zeros N FILE": a file of N bytes, none of them interesting but the last.
func zerosCommand(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Repeat("\x00\xff\r\n", n/4+1)[:n]), 0o600))
}
