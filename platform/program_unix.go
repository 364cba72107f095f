//go:build unix

package platform

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where a command without PATH looks (execvp(3)).
const defaultPath = "/bin:/usr/bin"

// program finds the file to run, relative to spec.Dir unless absolute. It
// looks before anything is started so that the reason can be told; what only
// the kernel knows comes back through explain.
func program(spec Spec) (string, error) {
	if spec.Dir != "" {
		info, err := os.Stat(spec.Dir)
		if err != nil {
			return "", cannot(err, "cannot start in %s: %v", shown(spec.Dir), errno(err))
		}
		if !info.IsDir() {
			return "", cannot(unix.ENOTDIR, "cannot start in %s: not a directory", shown(spec.Dir))
		}
	}
	name := spec.Argv[0]
	if spec.Path != "" {
		name = spec.Path
	} else if !strings.Contains(name, "/") {
		return inPath(spec, name)
	}
	if err := runnable(under(spec.Dir, name), name, spec.User); err != nil {
		return "", err
	}
	if !strings.Contains(name, "/") {
		name = "./" + name
	}
	return name, nil
}

// inPath does execvp's search: the first file that may be run; if there is
// none but one that may not, that is the reason.
func inPath(spec Spec, name string) (string, error) {
	if name == "" {
		return "", notFound(unix.ENOENT, name)
	}
	path, ok := lookupEnv(spec.Env, "PATH")
	if !ok {
		path = defaultPath
	}
	var refused error
	for _, folder := range strings.Split(path, ":") {
		if folder == "" {
			folder = "."
		}
		file := folder + "/" + name
		full := under(spec.Dir, file)
		if info, err := os.Stat(full); err != nil || info.IsDir() {
			continue
		}
		err := runnable(full, file, spec.User)
		if err == nil {
			return file, nil
		}
		if refused == nil {
			refused = err
		}
	}
	if refused != nil {
		return "", refused
	}
	return "", notFound(unix.ENOENT, name)
}

// runnable says why the file cannot be run, as far as can be seen from here.
// For another user only the kernel can judge (access lists, folders on the
// way): there any execute bit passes.
func runnable(full, name string, u *User) error {
	info, err := os.Stat(full)
	switch {
	case missing(err):
		return notFound(err, name)
	case err != nil:
		return cannot(err, "cannot run %s: %v", shown(name), errno(err))
	case info.IsDir():
		return cannot(unix.EISDIR, "cannot run %s: it is a directory", shown(name))
	case !info.Mode().IsRegular():
		return cannot(unix.EACCES, "cannot run %s: not a regular file", shown(name))
	case info.Mode().Perm()&0o111 == 0:
		return cannot(unix.EACCES, "cannot run %s: it is not executable", shown(name))
	}
	if u != nil && int(u.UID) != unix.Geteuid() {
		return nil
	}
	if err := unix.Faccessat(unix.AT_FDCWD, full, unix.X_OK, unix.AT_EACCESS); err != nil {
		return cannot(err, "cannot run %s: %v", shown(name), err)
	}
	return nil
}

// under is where name is seen from dir, dir being where the command starts.
func under(dir, name string) string {
	if dir == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return dir + "/" + name
}

// lookupEnv gives the value that counts for name: the last one.
func lookupEnv(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}
