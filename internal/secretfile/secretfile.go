// Package secretfile opens, checks and atomically replaces a file that holds a
// secret.
//
// It knows nothing of what the file says: the key ring, a token, the daemon's
// TLS key and the client's pins are all only bytes here. Where such files
// live, and who may edit them, is the caller's business.
//
// The promise of Read is that nobody but this process's user and root could
// have read or written what it returns: it judges the open descriptor, never
// the name, so that nothing can be swapped in between. Only the last element
// of a path is protected against links; a folder on the way may be one.
package secretfile

import (
	"io"
	"os"
)

// Refused says why a file or folder is not trusted. Its text is one line meant
// for the user: the path, what is wrong, what to do about it.
type Refused struct {
	Path   string
	Reason string // what is wrong, in words
	Remedy string // what to do about it, usually a command
}

func (r *Refused) Error() string {
	return shown(r.Path) + ": " + r.Reason + ": " + r.Remedy
}

// Read returns the whole file. It refuses, with a *Refused, anything but a
// regular file of at most limit bytes that belongs to this process's effective
// user or to root and is closed to group and others; a link in the last place
// is not followed and a FIFO does not block. A missing file is an error that
// errors.Is fs.ErrNotExist.
func Read(path string, limit int64) ([]byte, error) {
	return readAs(path, limit, os.Geteuid())
}

func readAs(path string, limit int64, euid int) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about, err := inspect(f)
	if err != nil {
		return nil, err
	}
	if err := about.judge(path, limit, euid); err != nil {
		return nil, err
	}
	// The size was true a moment ago; a file that grows meanwhile is over the
	// limit too.
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	about.size = int64(len(data))
	if err := about.judge(path, limit, euid); err != nil {
		return nil, err
	}
	return data, nil
}

// MkdirPrivate makes the folder, and every missing one above it, with mode
// 0700. A folder that is there already is accepted if it belongs to this
// process's user or to root and nobody else can write to it, else refused with
// a *Refused: who may write to a folder may replace what is in it.
func MkdirPrivate(path string) error {
	if err := mkdirAll(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	about, err := inspect(f)
	if err != nil {
		return err
	}
	return about.judgeFolder(path, os.Geteuid())
}
