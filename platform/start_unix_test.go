//go:build unix

package platform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestSem08_EveryStartErrorTellsItsReason(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), mode))
		return file
	}
	plain := write("plain", "no program", 0o644)
	orphan := write("orphan", "#!/no/such/interpreter\n", 0o755)
	garbage := write("garbage", "\x00\x01\x02", 0o755)
	long := strings.Repeat("x", 128<<10)
	var much []string
	for range 200 {
		much = append(much, long[:100<<10])
	}
	cases := []struct {
		name     string
		spec     Spec
		notFound bool
		reason   string
	}{
		{"not in PATH", Spec{Argv: []string{"no-such-program"}}, true, `command not found: "no-such-program"`},
		{"not there", Spec{Argv: []string{"/no/such/program"}}, true, `command not found: "/no/such/program"`},
		{"not there by Path", Spec{Argv: []string{"-x"}, Path: "/no/such/shell"}, true, `command not found: "/no/such/shell"`},
		{"empty name", Spec{Argv: []string{""}}, true, `command not found: ""`},
		{"control characters", Spec{Argv: []string{"a\x1b[2J\n"}}, true, `command not found: "a\x1b[2J\n"`},
		{"below a file", Spec{Argv: []string{plain + "/x"}}, false, "not a directory"},
		{"not executable", Spec{Argv: []string{plain}}, false, "it is not executable"},
		{"not executable in PATH", Spec{Argv: []string{"plain"}, Env: []string{"PATH=" + dir}}, false, "it is not executable"},
		{"a directory", Spec{Argv: []string{dir}}, false, "it is a directory"},
		{"a device", Spec{Argv: []string{"/dev/null"}}, false, "not a regular file"},
		{"no interpreter", Spec{Argv: []string{orphan}}, false, "the interpreter it names is missing"},
		{"no program", Spec{Argv: []string{garbage}}, false, "neither a program for this machine nor a script"},
		{"no such folder", Spec{Argv: []string{"true"}, Dir: dir + "/none"}, false, "cannot start in"},
		{"a file as folder", Spec{Argv: []string{"true"}, Dir: plain}, false, "not a directory"},
		{"a long word", Spec{Argv: []string{"true", "a", long}}, false, "word 2 of the command is 131072 bytes long"},
		{"a long variable", Spec{Argv: []string{"true"}, Env: testEnv("X=" + long)}, false, "a variable of the environment is 131074 bytes long"},
		{"too much in all", Spec{Argv: append([]string{"true"}, much...)}, false, "bytes together, over the kernel's limit"},
		{"no words", Spec{}, false, "no command to start"},
		{"NUL in a word", Spec{Argv: []string{"true", "a\x00b"}}, false, `word 1 of the command holds a NUL byte: "a\x00b"`},
		{"NUL in the environment", Spec{Argv: []string{"true"}, Env: testEnv("A=\x00")}, false, "the environment holds a NUL byte"},
		{"NUL in the folder", Spec{Argv: []string{"true"}, Dir: "/\x00"}, false, "holds a NUL byte"},
		{"NUL in the path", Spec{Argv: []string{"true"}, Path: "/bin/true\x00"}, false, "holds a NUL byte"},
		{"an id that is a path", Spec{Argv: []string{"true"}, ID: "../x"}, false, "bad session id"},
	}
	eachContainment(t, func(t *testing.T, trees *Trees) {
		for _, c := range cases {
			if c.spec.ID == "" {
				c.spec.ID = newID()
			}
			if c.spec.Env == nil {
				c.spec.Env = testEnv()
			}
			p, err := Start(trees, c.spec)
			if !assert.Error(t, err, c.name) {
				require.NoError(t, p.Release())
				continue
			}
			var start *StartError
			require.ErrorAs(t, err, &start, c.name)
			assert.Equal(t, c.notFound, start.NotFound, c.name)
			assert.Contains(t, start.Error(), c.reason, c.name)
			assert.NotContains(t, start.Error(), "\n", c.name)
			assert.Less(t, len(start.Error()), 1000, c.name)
		}
	})
}

func TestSem21_ArgvPassesVerbatim(t *testing.T) {
	var all []byte
	for b := 1; b < 256; b++ {
		all = append(all, byte(b))
	}
	words := []string{string(all), "", " ", "a b", `"'`, "$(id)", "`id`", "a\nb", "-n", "--", "*", "%s", `\`, "系统"}
	for _, b := range all {
		words = append(words, string([]byte{b}))
	}
	assert.Equal(t, words, echoed(t, words))

	word := rapid.Map(rapid.SliceOf(rapid.ByteRange(1, 255)), func(b []byte) string { return string(b) })
	rapid.Check(t, func(r *rapid.T) {
		words := rapid.SliceOfN(word, 1, 20).Draw(r, "words")
		if got := echoed(t, words); !assert.ObjectsAreEqual(words, got) {
			r.Fatalf("want %q, got %q", words, got)
		}
	})
}

// echoed runs a program that says each of its words.
func echoed(t *testing.T, words []string) []string {
	t.Helper()
	p, err := Start(nil, Spec{Argv: append([]string{"printf", `%s\0`}, words...), Env: testEnv(), NoStdin: true})
	require.NoError(t, err)
	out, complaints := collect(t, p)
	require.Empty(t, complaints)
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}

func TestArgvZeroStaysWhenPathIsGiven(t *testing.T) {
	spec := sh("echo $0 $1")
	spec.Path, spec.Argv = "/bin/sh", []string{"-sh", "-c", "ps -o args= -p $$"}
	out, _ := collect(t, launch(t, nil, spec))
	assert.True(t, strings.HasPrefix(out, "-sh "), out)
}

func TestProgramsAreFoundByTheCommandsOwnPathAndFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "hello"), 0o755), "a folder of that name is passed over")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", "hello"), []byte("#!/bin/sh\necho hello from $0\n"), 0o755))
	for _, c := range []struct{ name, path, dir string }{
		{"hello", "/none:" + dir + ":" + dir + "/bin", ""},
		{"hello", "bin", dir},
		{"hello", "", dir + "/bin"},
		{"hello", "/none:", dir + "/bin"},
		{"./hello", "/none", dir + "/bin"},
		{"bin/hello", "/none", dir},
	} {
		p := launch(t, nil, Spec{Argv: []string{c.name}, Env: []string{"PATH=" + c.path}, Dir: c.dir})
		out, complaints := collect(t, p)
		assert.True(t, strings.HasPrefix(out, "hello from "), "%+v: %q %q", c, out, complaints)
	}
	p := launch(t, nil, Spec{Argv: []string{"true"}, Env: []string{"X=no path at all"}})
	collect(t, p)
}

func TestSem22_TheEnvironmentIsExactlyWhatWasGiven(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	env := []string{"A=1", "B=", "C=a b\nc", "D=\xff\x01"}
	out, _ := collect(t, launch(t, nil, Spec{Argv: []string{"/usr/bin/env", "-0"}, Env: env}))
	assert.Equal(t, strings.Join(env, "\x00")+"\x00", out)

	p, err := Start(nil, Spec{Argv: []string{"/usr/bin/env"}})
	require.NoError(t, err)
	out, _ = collect(t, p)
	assert.Empty(t, out, "no environment is none, not the daemon's")
}

func TestTheCommandStartsInItsFolder(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	out, _ := collect(t, launch(t, nil, Spec{Argv: []string{"sh", "-c", "pwd -P"}, Dir: dir}))
	assert.Equal(t, dir+"\n", out)
}

func TestAnotherUserHasThatUsersGroupsOnly(t *testing.T) {
	other := User{Name: "somebody", UID: 54321, GID: 54322, Groups: []uint32{54322, 54323}, Home: "/", Shell: "/bin/sh"}
	spec := sh("id -u; id -g; id -G")
	spec.User, spec.Env = &other, testEnv()
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o700))
	if unix.Geteuid() != 0 {
		_, err := Start(nil, spec)
		assert.ErrorContains(t, err, "the daemon is not root")
		return
	}
	eachContainment(t, func(t *testing.T, trees *Trees) {
		spec.ID, spec.Dir = newID(), "/"
		out, complaints := collect(t, launch(t, trees, spec))
		assert.Equal(t, "54321\n54322\n54322 54323\n", out, complaints)

		spec.ID, spec.Dir = newID(), closed
		_, err := Start(trees, spec)
		var start *StartError
		require.ErrorAs(t, err, &start)
		assert.Contains(t, start.Reason, `user "somebody" may not enter`)
	})
}

func TestOurOwnUserIsNoChange(t *testing.T) {
	own, err := new(Users).Current()
	require.NoError(t, err)
	spec := sh("id -u")
	spec.User = &own
	out, _ := collect(t, launch(t, nil, spec))
	assert.Equal(t, strings.TrimSpace(out), itoa(own.UID))
}
