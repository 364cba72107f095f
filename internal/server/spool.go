package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"rexec/platform"
)

// spool remembers running commands in a folder, a file each, so that a daemon that was killed finds at its next start
// what it left behind: the first line is written before the start, the second right after. A command that starts between
// the two lines is found by its environment. At its end its first line becomes empty and the file waits for the next
// command, because file systems take long to make one. One without a folder remembers nothing.
type spool struct {
	dir  string
	held *os.File // the folder, which no other daemon may have meanwhile; nil: none
	boot string   // of the machine

	mu   sync.Mutex
	idle []*entry
	made uint64 // files so far
}

// mostIdle is how many files wait for a command.
const mostIdle = 64

// entry is the file of one running command; nil: none.
type entry struct {
	spool  *spool
	f      *os.File // while it runs
	path   string
	before []byte // the first line
	length int    // of what is in the file
}

type before struct {
	ID, BootID, Cgroup string
}

type after struct {
	PID       int
	StartTime uint64
}

// openSpool makes the folder and holds it: whoever else swept it would kill what runs.
func openSpool(dir string) (*spool, error) {
	if dir == "" {
		return &spool{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	var ours bool
	Handover(func() bool {
		ours, err = hold(f)
		return ours || err != nil
	})
	switch {
	case err != nil:
		_ = f.Close()
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	case !ours:
		_ = f.Close()
		return nil, fmt.Errorf("a daemon is running already with the run folder %s: stop it first", dir)
	}
	return &spool{dir: dir, held: f, boot: platform.BootID()}, nil
}

// close lets go of the folder and takes the idle files out of it.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.idle {
		_ = os.Remove(e.path)
	}
	s.idle = nil
	if s.held != nil {
		_ = s.held.Close()
	}
}

// begin records what is known before the start.
func (s *spool) begin(id, cgroup string) (*entry, error) {
	if s.dir == "" {
		return nil, nil
	}
	e, err := s.file()
	if err == nil {
		e.before, err = json.Marshal(before{ID: id, BootID: s.boot, Cgroup: cgroup})
	}
	if err == nil {
		err = e.write(e.before)
	}
	if err != nil {
		if e != nil {
			_ = e.f.Close()
			_ = os.Remove(e.path)
		}
		return nil, fmt.Errorf("record the command before its start: %w", err)
	}
	return e, nil
}

// file gives one that waits, or makes one.
func (s *spool) file() (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.idle); n > 0; n = len(s.idle) {
		e := s.idle[n-1]
		f, err := os.OpenFile(e.path, os.O_WRONLY, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		s.idle = s.idle[:n-1]
		if err == nil { // else somebody tidied up
			e.f = f
			return e, nil
		}
	}
	for {
		s.made++
		path := filepath.Join(s.dir, strconv.FormatUint(s.made, 10))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case err == nil:
			return &entry{spool: s, f: f, path: path}, nil
		case !errors.Is(err, fs.ErrExist): // an earlier daemon's that could not be swept stays
			return nil, err
		}
	}
}

// write puts lines in the place of what is in the file, in one piece.
func (e *entry) write(lines ...[]byte) error {
	b := append(bytes.Join(lines, []byte("\n")), '\n')
	for len(b) < e.length {
		b = append(b, '\n')
	}
	e.length = len(b)
	_, err := e.f.WriteAt(b, 0)
	return err
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
	line, err := json.Marshal(after{PID: pid, StartTime: at})
	if err != nil {
		return err
	}
	return e.write(e.before, line)
}

// end forgets the command.
func (e *entry) end() {
	if e == nil {
		return
	}
	_, err := e.f.WriteAt([]byte("\n"), 0)
	_ = e.f.Close()
	s := e.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || len(s.idle) == mostIdle {
		_ = os.Remove(e.path)
		return
	}
	s.idle = append(s.idle, e)
}

// sweep kills what an earlier daemon left running and forgets it.
func (s *spool) sweep(log *logrus.Entry) error {
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
