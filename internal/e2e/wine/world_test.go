//go:build linux

package wine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/internal/e2e/sources"
)

// everything: no suite may be left out.
var everything = os.Getenv("REXEC_E2E") == "all"

// programs are what the suite takes, and the packages that have them.
var programs = map[string]string{
	"wine": "wine wine64", "wineserver": "wine64", "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32", "localedef": "locales",
}

func TestMain(m *testing.M) {
	code := m.Run()
	if w := made; w != nil {
		if err := w.end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is a Windows of a few hundred megabytes in a folder, and our programs for both systems.
type world struct {
	dir    string // of all that follows
	native string // folder of this system's programs
	drive  string // the folder that Windows has as C:

	mu     sync.Mutex
	shared *box // the daemon that most tests use
}

// made is the world of this process; nil: nobody needed one.
var made *world

var makeWorld = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "rxwine")
	if err != nil {
		return nil, err
	}
	made = &world{dir: dir, native: filepath.Join(dir, "bin"), drive: filepath.Join(dir, "prefix", "drive_c")}
	return made, made.build()
})

// need gives the world, if the programs for it are there. With REXEC_E2E=all they have to be.
func need(t *testing.T) *world {
	t.Helper()
	for p, packages := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if everything {
				require.NoError(t, err, "REXEC_E2E=all leaves nothing out: install %s", packages)
			}
			t.Skipf("not run: no %s here", p)
		}
	}
	w, err := makeWorld()
	require.NoError(t, err)
	return w
}

// build makes the prefix and the programs, side by side.
func (w *world) build() error {
	if err := sources.Look(filepath.Join("..", "..", "..")); err != nil {
		return err
	}
	began := time.Now()
	if err := errors.Join(os.Mkdir(w.native, 0o700), os.Mkdir(filepath.Join(w.dir, "home"), 0o700), os.Mkdir(filepath.Join(w.dir, "exe"), 0o700)); err != nil {
		return err
	}
	locale := exec.Command("localedef", "-i", "zh_CN", "-f", "GBK", filepath.Join(w.dir, "zh_CN.GBK"))
	if out, err := locale.CombinedOutput(); err != nil {
		return fmt.Errorf("localedef: %w: %s", err, out)
	}
	results := make(chan error, 2)
	go func() { results <- w.boot() }()
	go func() { results <- w.compile() }()
	if err := errors.Join(<-results, <-results); err != nil {
		return err
	}
	for _, name := range []string{"bcryptprimitives.dll", "rexec.exe", "rexecd.exe", "tool.exe", "end.exe"} {
		to := filepath.Join(w.drive, "rx", name)
		if filepath.Ext(name) == ".dll" {
			to = filepath.Join(w.drive, "windows", "system32", name)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.Rename(filepath.Join(w.dir, "exe", name), to)); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "wine: a Windows was made in %.1f s\n", time.Since(began).Seconds())
	return nil
}

func (w *world) boot() error {
	if out, err := w.wine("wineboot", "-i").CombinedOutput(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("wineboot: %w: %s", err, out)
	}
	// What it started is still at work on the registry; the end of the last is the end of the set-up.
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	whole := exec.CommandContext(ctx, "wineserver", "-w")
	whole.Env = w.environ()
	if out, err := whole.CombinedOutput(); err != nil {
		return fmt.Errorf("wineserver -w: %w: %s", err, out)
	}
	return nil
}

func (w *world) compile() error {
	var errs []error
	run := func(env []string, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out))
		}
	}
	exe := filepath.Join(w.dir, "exe") + string(filepath.Separator)
	windows := []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}
	run(nil, "go", "build", "-o", w.native+string(filepath.Separator), "rexec/cmd/rexec", "rexec/cmd/rexecd")
	run(windows, "go", "build", "-o", exe, "rexec/cmd/rexec", "rexec/cmd/rexecd")
	run(windows, "go", "build", "-o", exe+"tool.exe", "./testdata/tool")
	run(nil, "x86_64-w64-mingw32-gcc", "-shared", "-o", exe+"bcryptprimitives.dll", filepath.Join("testdata", "bcryptprimitives.c"), "-ladvapi32")
	run(nil, "x86_64-w64-mingw32-gcc", "-O2", "-s", "-o", exe+"end.exe", filepath.Join("testdata", "end.c"))
	return errors.Join(errs...)
}

// environ is that of wine: a small one, and a Chinese one.
func (w *world) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(w.dir, "home"), "WINEPREFIX=" + filepath.Join(w.dir, "prefix"),
		"WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;bcryptprimitives=n",
		"LANG=zh_CN.GBK", "LC_ALL=zh_CN.GBK", "LOCPATH=" + w.dir,
	}
}

// wine is a Windows program. The first that needs a desktop starts wine's explorer.exe, which inherits its output and
// stays: exec.ErrWaitDelay says that, and nothing against the program.
func (w *world) wine(args ...string) *exec.Cmd {
	cmd := exec.Command("wine", args...)
	cmd.Env, cmd.WaitDelay = w.environ(), 2*time.Second
	return cmd
}

// unix is where this system has a file of C:.
func (w *world) unix(path string) string {
	return filepath.Join(w.drive, filepath.FromSlash(strings.ReplaceAll(strings.TrimPrefix(path, `C:\`), `\`, "/")))
}

// end ends every process of this Windows and removes it.
func (w *world) end() error {
	for _, what := range []string{"-k", "-w"} { // end all; wait for it
		cmd := exec.Command("wineserver", what)
		cmd.Env = w.environ()
		_ = cmd.Run() // it fails when nothing runs
	}
	var left []int
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if left = w.processes(""); len(left) == 0 {
			return os.RemoveAll(w.dir)
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("processes of wine live on: %v", left), os.RemoveAll(w.dir))
		}
	}
}

// processes lists those of this Windows whose command line has mark in it. Zombies have none.
func (w *world) processes(mark string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		env, err := os.ReadFile(path)
		if err != nil || !strings.Contains("\x00"+string(env), "\x00WINEPREFIX="+filepath.Join(w.dir, "prefix")+"\x00") {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if errors.Is(err, fs.ErrNotExist) || len(line) == 0 || !strings.Contains(string(line), mark) {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(path)), &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
