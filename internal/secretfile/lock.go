package secretfile

import (
	"errors"
	"io/fs"
	"os"
)

// Lock waits until this process alone holds path's lock, so that reading,
// changing and writing the file loses nobody's change. The lock is on a sibling
// file, path + ".lock", because Write replaces path itself; the sibling is
// empty and stays. It binds only those who ask for it, ends with the process,
// and is per call: two goroutines exclude each other like two processes.
func Lock(path string) (unlock func(), err error) {
	f, err := openLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	about, err := inspect(f)
	if err == nil {
		err = about.judge(path+".lock", 0, os.Geteuid())
	}
	if err == nil {
		if err = lockExclusive(f); err != nil {
			err = &fs.PathError{Op: "lock", Path: path + ".lock", Err: err}
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}
