package platform

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// start makes the pipes and starts the command, in a group of its own so
// that CTRL_BREAK can reach it.
func start(t *Trees, spec Spec) (*Process, error) {
	if spec.User != nil {
		if own, err := CurrentUser(); err != nil || !strings.EqualFold(own.Name, spec.User.Name) {
			return nil, cannot(err, "cannot run as user %s: commands run as the daemon's own user here", shown(spec.User.Name))
		}
	}
	path, err := program(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{child: child{&exec.Cmd{
		Path: path, Args: spec.Argv, Dir: spec.Dir,
		Env:         append([]string{}, spec.Env...), // never nil, which would mean the daemon's own
		SysProcAttr: &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true},
	}}}
	var theirs, ours []*os.File
	if !spec.NoStdin {
		their, our, pipeErr := pipe(true)
		if err = pipeErr; err == nil {
			p.cmd.Stdin, p.stdin = their, input{our}
			theirs, ours = append(theirs, their), append(ours, our)
		}
	}
	output := func() (*os.File, *Output) {
		if err != nil {
			return nil, nil
		}
		their, our, pipeErr := pipe(false)
		if err = pipeErr; err != nil {
			return nil, nil
		}
		theirs, ours = append(theirs, their), append(ours, our)
		return their, &Output{f: our}
	}
	p.cmd.Stdout, p.stdout = output()
	p.cmd.Stderr, p.stderr = output()
	if err == nil {
		err = p.cmd.Start()
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		for _, f := range ours {
			_ = f.Close()
		}
		return nil, explain(err, path)
	}
	if p.leader, err = watch(p.cmd.Process.Pid); err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		return nil, explain(err, path)
	}
	p.tree = single{p}
	return p, nil
}

// program finds the file to run: by PATH of the command's environment, the
// usual endings tried by the system's own rules (os/exec).
func program(spec Spec) (string, error) {
	if spec.Dir != "" {
		info, err := os.Stat(spec.Dir)
		if err != nil {
			return "", cannot(err, "cannot start in %s: %v", shown(spec.Dir), err)
		}
		if !info.IsDir() {
			return "", cannot(nil, "cannot start in %s: not a directory", shown(spec.Dir))
		}
	}
	name := spec.Argv[0]
	if spec.Path != "" {
		name = spec.Path
	}
	if strings.ContainsAny(name, `:\/`) {
		if spec.Dir != "" && !filepath.IsAbs(name) {
			name = filepath.Join(spec.Dir, name)
		}
		return found(name, name)
	}
	path := ""
	for _, entry := range spec.Env {
		if k, v, ok := strings.Cut(entry, "="); ok && strings.EqualFold(k, "PATH") {
			path = v
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(spec.Dir, folder)
		}
		if file, err := found(filepath.Join(folder, name), name); err == nil {
			return file, nil
		}
	}
	return "", notFound(fs.ErrNotExist, name)
}

func found(file, name string) (string, error) {
	full, err := exec.LookPath(file)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot):
		return full, nil
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return "", notFound(err, name)
	}
	return "", cannot(err, "cannot run %s: %v", shown(name), err)
}

func explain(err error, path string) *StartError {
	var n syscall.Errno
	if errors.As(err, &n) {
		return cannot(n, "cannot run %s: %v", shown(path), n)
	}
	return cannot(err, "cannot run %s: %v", shown(path), err)
}
