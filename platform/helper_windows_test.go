package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// helperVariable makes the test binary a helper program.
const helperVariable = "PLATFORM_TEST_HELPER"

// soon is five times what the rules promise at most.
const soon = 10 * time.Second

func TestMain(m *testing.M) {
	if code, done := AsBreaker(os.Args[1:]); done {
		os.Exit(code)
	}
	if role := os.Getenv(helperVariable); role != "" {
		if err := beHelper(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beHelper is a program that a test starts.
func beHelper(role string, args []string) error {
	switch role {
	case "words":
		return json.NewEncoder(os.Stdout).Encode(args)
	case "environment":
		return json.NewEncoder(os.Stdout).Encode(os.Environ())
	case "end": // with the code in hex, as a crash would
		code, err := strconv.ParseUint(args[0], 16, 32)
		if err != nil {
			return err
		}
		return windows.TerminateProcess(windows.CurrentProcess(), uint32(code))
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "write": // so many bytes
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(make([]byte, n))
		return err
	case "wait":
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	case "handles": // which of these are open here
		for _, h := range args {
			n, err := strconv.ParseUint(h, 16, 64)
			if err != nil {
				return err
			}
			if _, err := windows.GetFileType(windows.Handle(n)); err == nil {
				fmt.Println("open", h)
			}
		}
	case "codepage":
		cp, err := windows.GetConsoleOutputCP()
		if err != nil {
			return err
		}
		fmt.Println(cp)
	case "paint": // the size, then the words, on the console; wine gives it to nobody as standard output
		out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		var about windows.ConsoleScreenBufferInfo
		if err := windows.GetConsoleScreenBufferInfo(windows.Handle(out.Fd()), &about); err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%dx%d %s", about.Size.X, about.Size.Y, strings.Join(args, " "))
		return err
	case "interrupted":
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt)
		fmt.Println("ready")
		<-c
		os.Exit(7)
	case "leave": // a grandchild that lives on, or is waited for
		p, err := launch(helper("wait"))
		if err != nil {
			return err
		}
		line := make([]byte, 64)
		n, err := p.Stdout().Read(line)
		if err != nil {
			return err
		}
		fmt.Print(string(line[:n]))
		if len(args) > 0 {
			time.Sleep(time.Minute)
		}
		return p.tree.(*job).endWithHandle(false) // our job's ends with us
	default:
		return fmt.Errorf("no such helper: %s", role)
	}
	return nil
}

// helper is the test binary in a role.
func helper(role string, args ...string) Spec {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	env, err := Environ()
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"WINEDEBUG", "WINEDLLOVERRIDES"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return Spec{Argv: append([]string{self}, args...), Env: append(env, helperVariable+"="+role), NoStdin: true}
}

// launch is Start, again where wine says "Internal error.": on a busy machine the process that it made for CreateProcess
// dies once in some thousand times before its first instruction. Windows never says so.
func launch(spec Spec) (p *Process, err error) {
	for range 3 {
		if p, err = Start(nil, spec); !errors.Is(err, windows.ERROR_INTERNAL_ERROR) {
			break
		}
	}
	return p, err
}

// begin starts a command that ends with the test.
func begin(t *testing.T, spec Spec) *Process {
	t.Helper()
	p, err := launch(spec)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Release()) })
	return p
}

// outcome runs a command to its end.
func outcome(t *testing.T, spec Spec) (code int64, stdout, stderr string) {
	t.Helper()
	p := begin(t, spec)
	errs := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(p.Stderr())
		errs <- string(b)
	}()
	b, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	code, _, _, err = p.Wait()
	require.NoError(t, err)
	return code, string(b), <-errs
}

// firstNumber is the number on a command's first line.
func firstNumber(t *testing.T, p *Process) uint32 {
	t.Helper()
	b := make([]byte, 64)
	n, err := p.Stdout().Read(b)
	require.NoError(t, err)
	pid, err := strconv.ParseUint(strings.TrimSpace(string(b[:n])), 10, 32)
	require.NoError(t, err)
	return uint32(pid)
}

// open holds a process by its handle, so that its pid stays its own.
func open(t *testing.T, pid uint32) windows.Handle {
	t.Helper()
	h, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_TERMINATE|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	require.NoError(t, err)
	t.Cleanup(func() { _ = windows.CloseHandle(h) })
	return h
}

// gone reports whether a process ends within d.
func gone(t *testing.T, h windows.Handle, d time.Duration) bool {
	t.Helper()
	state, err := windows.WaitForSingleObject(h, uint32(d.Milliseconds()))
	require.NoError(t, err)
	return state == windows.WAIT_OBJECT_0
}

// folder is a test's own. testing's cannot be removed everywhere: wine does
// not have the call that os.RemoveAll makes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "platform")
	require.NoError(t, err)
	t.Cleanup(func() {
		files, err := os.ReadDir(dir)
		assert.NoError(t, err)
		for _, f := range files {
			assert.NoError(t, os.Remove(filepath.Join(dir, f.Name())))
		}
		assert.NoError(t, os.Remove(dir))
	})
	return dir
}
