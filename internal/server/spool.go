package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"

	"rexec/platform"
)

// spool remembers running commands in a folder, a file each, so that a daemon that was killed finds at its next start
// what it left behind: the first line is written before the start, the second right after, the file goes at the end.
// A command that starts between the two lines is found by its environment. The zero value remembers nothing.
type spool struct {
	dir  string
	held *os.File // the folder, which no other daemon may have meanwhile; nil: none
}

// entry is the file of one running command; nil: none.
type entry struct {
	f    *os.File
	path string
}

type before struct {
	ID, BootID, Cgroup string
}

type after struct {
	PID       int
	StartTime uint64
}

// openSpool makes the folder and holds it: whoever else swept it would kill what runs.
func openSpool(dir string) (spool, error) {
	if dir == "" {
		return spool{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return spool{}, fmt.Errorf("run folder: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return spool{}, fmt.Errorf("run folder: %w", err)
	}
	switch ours, err := hold(f); {
	case err != nil:
		_ = f.Close()
		return spool{}, fmt.Errorf("run folder %s: %w", dir, err)
	case !ours:
		_ = f.Close()
		return spool{}, fmt.Errorf("a daemon is running already with the run folder %s: stop it first", dir)
	}
	return spool{dir: dir, held: f}, nil
}

// close lets go of the folder.
func (s spool) close() {
	if s.held != nil {
		_ = s.held.Close()
	}
}

// begin records what is known before the start.
func (s spool) begin(id, cgroup string) (*entry, error) {
	if s.dir == "" {
		return nil, nil
	}
	path := filepath.Join(s.dir, id)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record the command before its start: %w", err)
	}
	e := &entry{f: f, path: path}
	if err := json.NewEncoder(f).Encode(before{ID: id, BootID: platform.BootID(), Cgroup: cgroup}); err != nil {
		e.end()
		return nil, fmt.Errorf("record the command before its start: %w", err)
	}
	return e, nil
}

// started records the leader.
func (e *entry) started(pid int) error {
	if e == nil {
		return nil
	}
	at, err := platform.StartTime(pid)
	if err != nil {
		return err
	}
	return json.NewEncoder(e.f).Encode(after{PID: pid, StartTime: at})
}

// end forgets the command.
func (e *entry) end() {
	if e == nil {
		return
	}
	_ = e.f.Close()
	_ = os.Remove(e.path)
}

// sweep kills what an earlier daemon left running and forgets it.
func (s spool) sweep(log *logrus.Entry) error {
	if s.dir == "" {
		return nil
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	var left []platform.Remains
	var paths []string
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		r, err := remains(path)
		if err != nil {
			log.WithError(err).WithField("file", path).Warn("cannot read what an earlier daemon left")
			continue
		}
		left, paths = append(left, r), append(paths, path)
	}
	for i, swept := range platform.Sweep(left) {
		log := log.WithField("session", left[i].ID)
		if swept.Err != nil {
			log.WithError(swept.Err).Warn("cannot end what an earlier daemon left running")
			continue
		}
		if swept.Killed > 0 {
			log.WithField("processes", swept.Killed).Warn("ended what an earlier daemon left running")
		}
		if err := os.Remove(paths[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func remains(path string) (platform.Remains, error) {
	f, err := os.Open(path)
	if err != nil {
		return platform.Remains{}, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	var b before
	var a after
	if !lines.Scan() || !strings.HasSuffix(lines.Text(), "}") { // killed before the first line was whole: nothing was started
		return platform.Remains{ID: filepath.Base(path), BootID: "none"}, nil
	}
	if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
		return platform.Remains{}, err
	}
	if lines.Scan() && strings.HasSuffix(lines.Text(), "}") {
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return platform.Remains{}, err
		}
	}
	return platform.Remains{ID: b.ID, BootID: b.BootID, Cgroup: b.Cgroup, PID: a.PID, StartTime: a.StartTime}, nil
}
