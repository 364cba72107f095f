//go:build unix

package platform

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// settled is how long ago a file must have changed for its next change to be sure to show in its times.
const settled = 2 * time.Second

// accountFiles keeps the text of the files of accounts for as long as they stay as they are.
type accountFiles struct {
	mu   sync.Mutex
	kept map[string]keptFile
}

// keptFile is a text and what the file was when it was read.
type keptFile struct {
	text  string
	state fileState
}

type fileState struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

// read is os.ReadFile for a file that rarely changes.
func (a *accountFiles) read(path string) (string, error) {
	state, known := stateOf(path)
	a.mu.Lock()
	kept, ok := a.kept[path]
	a.mu.Unlock()
	if known && ok && kept.state == state {
		return kept.text, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := string(b)
	// What was read is of the state before or newer; it is kept only if a change meanwhile would have left other times.
	if known && time.Since(time.Unix(state.ctime.Unix())) > settled {
		a.mu.Lock()
		if a.kept == nil {
			a.kept = map[string]keptFile{}
		}
		a.kept[path] = keptFile{text, state}
		a.mu.Unlock()
	}
	return text, nil
}

func stateOf(path string) (fileState, bool) {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return fileState{}, false
	}
	return fileState{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}, true
}
