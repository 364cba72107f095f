package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file's contents, or makes the file, so that a reader, or
// a machine that loses power, sees the old bytes or the new ones and never a
// mixture. The new file has mode 0600. What stood under the name is replaced
// even when it was a link, which is not followed.
func Write(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	if err := replace(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// Create makes the file with mode 0600, whole or not at all, and refuses with
// an error that errors.Is fs.ErrExist when anything has that name.
func Create(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	// A hard link is the one step that both makes the name appear with all of
	// its bytes and fails when it is taken. Not every file system has them.
	err = os.Link(temp, path)
	removed := os.Remove(temp)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = createHere(path, data)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	}
	return removed
}

// createHere is Create without hard links: the name appears before its bytes.
func createHere(path string, data []byte) error {
	f, err := createNew(path)
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeTemp puts data, on disk and closed, into a new file beside path.
func writeTemp(path string, data []byte) (string, error) {
	f, err := createTemp(filepath.Dir(path), "."+filepath.Base(path)+".", ".new")
	if err != nil {
		return "", err
	}
	if err := fill(f, data); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// fill writes data to an empty file, waits until it is on disk, and closes it.
func fill(f *os.File, data []byte) error {
	err := close0600(f)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
