//go:build unix

package platform

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxWord is the longest word, with its NUL, an argument or a variable may
// have on Linux: MAX_ARG_STRLEN, 32 pages (execve(2)).
const maxWord = 128 << 10

// explain turns what the start of path gave into words. The kernel says one
// number for a chain of steps, so the likely step is found by looking.
func explain(err error, spec Spec, path string) *StartError {
	n := errno(err)
	switch n {
	case unix.EMFILE, unix.ENFILE, unix.EAGAIN, unix.ENOMEM:
		return &StartError{Exhausted: true, Reason: fmt.Sprintf("%v", n), Err: n}
	case unix.ENOENT:
		return cannot(n, "cannot run %s: the interpreter it names is missing", shown(path))
	case unix.E2BIG:
		return tooBig(spec, n)
	case unix.EACCES, unix.EPERM:
		if spec.User != nil {
			if dir := closedTo(spec.Dir, *spec.User); dir != "" {
				return cannot(n, "cannot start in %s: user %s may not enter %s", shown(spec.Dir), shown(spec.User.Name), shown(dir))
			}
		}
		return cannot(n, "cannot run %s: %v", shown(path), n)
	case unix.ENOEXEC:
		return cannot(n, "cannot run %s: neither a program for this machine nor a script with a #! line", shown(path))
	case 0:
		return cannot(err, "cannot run %s: %s", shown(path), shown(err.Error()))
	}
	return cannot(n, "cannot run %s: %v", shown(path), n)
}

// tooBig names the word that is over the kernel's limit, or the whole.
func tooBig(spec Spec, n syscall.Errno) *StartError {
	total := 0
	for i, word := range spec.Argv {
		if len(word) >= maxWord {
			return cannot(n, "word %d of the command is %d bytes long, over the kernel's %d: %s", i, len(word), maxWord-1, shown(word[:40]))
		}
		total += len(word) + 1
	}
	for _, entry := range spec.Env {
		if len(entry) >= maxWord {
			return cannot(n, "a variable of the environment is %d bytes long, over the kernel's %d: %s", len(entry), maxWord-1, shown(entry[:40]))
		}
		total += len(entry) + 1
	}
	return cannot(n, "command and environment are %d bytes together, over the kernel's limit", total)
}

// closedTo finds the first folder on the way to dir that the mode bits close
// to u; empty when none does. It only chooses words: the kernel has judged.
func closedTo(dir string, u User) string {
	if !filepath.IsAbs(dir) {
		return ""
	}
	var way []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		way = append([]string{d}, way...)
		if d == "/" {
			break
		}
	}
	for _, d := range way {
		info, err := os.Stat(d)
		if err != nil {
			return d
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !searchable(st, u) {
			return d
		}
	}
	return ""
}

func searchable(st *syscall.Stat_t, u User) bool {
	shift := 0
	switch {
	case u.UID == 0:
		return true
	case st.Uid == u.UID:
		shift = 6
	case st.Gid == u.GID:
		shift = 3
	default:
		for _, g := range u.Groups {
			if g == st.Gid {
				shift = 3
			}
		}
	}
	return st.Mode>>shift&1 != 0
}
