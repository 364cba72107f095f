package platform

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// start makes the job and the pipes and starts the command in them.
func start(_ *Trees, spec Spec) (*Process, error) {
	if spec.User != nil {
		if own, err := new(Users).Current(); err != nil || !own.Is(spec.User.Name) {
			return nil, cannot(err, "cannot run as user %s: commands run as the daemon's own user here", shown(spec.User.Name))
		}
	}
	file, line, err := commandLine(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{}
	theirs, err := p.streams(&spec)
	defer closeHandles(theirs[:])
	if err == nil {
		err = p.plant(file, line, spec, theirs)
	}
	if err != nil {
		p.closeStreams()
		return nil, explain(err, file)
	}
	return p, nil
}

// plant starts the command in a job before its first instruction, so that
// nothing it starts can be outside.
func (p *Process) plant(file, line string, spec Spec, std [3]windows.Handle) error {
	j, err := newJob()
	if err != nil {
		return err
	}
	j.term = p.term
	created, err := create(file, line, spec, std, p.term)
	if err == nil {
		p.child = child{id: int(created.ProcessId), h: created.Process, job: j}
		if p.term != nil {
			p.term.leader = created.Process
		}
		err = j.adopt(created)
	}
	if err != nil {
		j.release()
		return err
	}
	p.tree, p.leader = j, &p.child
	return nil
}

// streams makes a terminal or pipes and gives the command's ends, to be
// closed after the start.
func (p *Process) streams(spec *Spec) (theirs [3]windows.Handle, err error) {
	if spec.Terminal == nil {
		return p.pipes(spec.NoStdin)
	}
	if p.term, theirs, err = openTerminal(*spec.Terminal); err != nil {
		return theirs, err
	}
	p.stdout = &Output{f: p.term.output, term: p.term}
	if !spec.NoStdin {
		p.stdin = typing{p.term.input}
	}
	if v := spec.Terminal.Variable; v != "" {
		spec.Env = append(slices.Clip(spec.Env), v+"="+terminalName)
	}
	return theirs, nil
}

// pipes makes what the command will have as its standard handles.
func (p *Process) pipes(noStdin bool) (theirs [3]windows.Handle, err error) {
	if noStdin {
		theirs[0], err = openNull()
	} else {
		var our *os.File
		if theirs[0], our, err = pipe(true); err == nil {
			p.stdin = input{our}
		}
	}
	for i, output := range []**Output{&p.stdout, &p.stderr} {
		if err != nil {
			return theirs, err
		}
		var our *os.File
		if theirs[1+i], our, err = pipe(false); err == nil {
			*output = &Output{f: our}
		}
	}
	return theirs, err
}

// closeStreams closes our ends after a start that failed.
func (p *Process) closeStreams() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	for _, o := range []*Output{p.stdout, p.stderr} {
		if o != nil {
			_ = o.Close()
		}
	}
	if p.term != nil {
		_ = p.term.input.Close()
	}
}

func closeHandles(list []windows.Handle) {
	for _, h := range list {
		if h != 0 {
			_ = windows.CloseHandle(h)
		}
	}
}

// program finds the file to run: by PATH of the command's environment, the
// usual endings tried by the system's own rules (os/exec).
func program(spec Spec) (string, error) {
	if spec.Dir != "" {
		info, err := os.Stat(spec.Dir)
		if err != nil {
			return "", cannot(err, "cannot start in %s: %v", shown(spec.Dir), reason(err))
		}
		if !info.IsDir() {
			return "", cannot(nil, "cannot start in %s: not a directory", shown(spec.Dir))
		}
	}
	name := spec.Argv[0]
	if spec.Path != "" {
		name = spec.Path
	}
	if name == "" {
		return "", notFound(fs.ErrNotExist, name)
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
		if info, statErr := os.Stat(file); statErr == nil { // it is there, and no program
			why := "its ending is none of a program"
			if info.IsDir() {
				why = "it is a directory"
			}
			return "", cannot(windows.ERROR_BAD_EXE_FORMAT, "cannot run %s: %s", shown(name), why)
		}
		return "", notFound(err, name)
	}
	return "", cannot(err, "cannot run %s: %v", shown(name), reason(err))
}

// explain words why Windows did not start a file.
func explain(err error, path string) *StartError {
	var own *StartError
	if errors.As(err, &own) {
		return own
	}
	return cannot(err, "cannot run %s: %s", shown(path), strings.ReplaceAll(reason(err).Error(), "%1", "it"))
}

// reason is the system's own sentence, without which call gave it.
func reason(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}
