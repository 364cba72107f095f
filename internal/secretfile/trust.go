package secretfile

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// facts is what the kernel says about an open file, as far as trust depends on
// it.
type facts struct {
	mode  fs.FileMode
	size  int64
	owner int // user id; ignored where ownerless
	// ownerless is set on systems without numeric owners (Windows), where
	// access says who else may do something.
	ownerless bool
	access    access
}

// judge decides whether a file may be believed by the user euid. limit is in
// bytes.
func (f facts) judge(path string, limit int64, euid int) error {
	refuse := func(remedy, reason string, args ...any) error {
		return &Refused{Path: path, Reason: fmt.Sprintf(reason, args...), Remedy: remedy}
	}
	if !f.mode.IsRegular() {
		return refuse("put a regular file there", "is %s, not a regular file", kind(f.mode))
	}
	if f.ownerless { // the mode is made up from the read-only flag there and says nothing
		if err := f.access.judge(path); err != nil {
			return err
		}
	} else if f.owner != euid && f.owner != 0 {
		return refuse("chown "+strconv.Itoa(euid)+" "+shown(path),
			"belongs to user id %d, who could change it", f.owner)
	} else if f.mode.Perm()&0o077 != 0 {
		return refuse("chmod 600 "+shown(path), "is open to others (mode %04o)", f.mode.Perm())
	}
	if f.size > limit {
		return refuse("check that it is the right file", "is longer than %d bytes", limit)
	}
	return nil
}

func (f facts) judgeFolder(path string, euid int) error {
	switch {
	case !f.mode.IsDir():
		return &Refused{Path: path, Reason: "is " + kind(f.mode) + ", not a folder", Remedy: "move it away"}
	case f.ownerless:
		return f.access.judgeFolder(path)
	case f.owner != euid && f.owner != 0:
		return &Refused{
			Path: path, Reason: fmt.Sprintf("belongs to user id %d, who could replace what is in it", f.owner),
			Remedy: "chown " + strconv.Itoa(euid) + " " + shown(path),
		}
	case f.mode.Perm()&0o022 != 0:
		return &Refused{
			Path: path, Reason: fmt.Sprintf("others can replace what is in it (mode %04o)", f.mode.Perm()),
			Remedy: "chmod 700 " + shown(path),
		}
	}
	return nil
}

// kind names what a file is when it is not what it should be.
func kind(m fs.FileMode) string {
	switch m.Type() {
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	case 0:
		return "a regular file"
	}
	return "a device"
}

// shown is a path as it may be printed, and pasted into a shell behind chmod:
// quoted as soon as it holds anything but plain characters.
func shown(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune(plainMarks, r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return quoted(path)
}
