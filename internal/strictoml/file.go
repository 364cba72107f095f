package strictoml

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile reads a file of settings, which may be a link, into somebody's
// collection of them say, and which others may read. A missing one is empty.
func ReadFile(path string, most int) ([]byte, error) {
	info, err := os.Stat(path) // before opening: a FIFO would wait for its writer
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: put one there", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("%s is longer than %d bytes: check that it is the right file", path, most)
	}
	return data, err
}
