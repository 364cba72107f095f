//go:build unix

package localterm

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// saved is what a terminal was before.
type saved struct{ state *term.State }

func raw(in, _ *os.File) (*saved, error) {
	if in == nil {
		return nil, nil
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	return &saved{state}, nil
}

// restore leaves the terminal alone where it belongs to somebody else meanwhile: a process in the background that changes
// it is stopped, and the shell in front has set it to its own liking.
func (s *saved) restore(in, _ *os.File) {
	if inFront(in) {
		_ = term.Restore(int(in.Fd()), s.state) // a terminal that is gone needs nothing
	}
}

// inFront reports whether this process may use the terminal f; also where it is not its controlling one.
func inFront(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

func size(f *os.File) (Size, bool) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Row == 0 || ws.Col == 0 {
		return Size{}, false
	}
	return Size{Rows: ws.Row, Cols: ws.Col, XPix: ws.Xpixel, YPix: ws.Ypixel}, true
}

func keys(in *os.File) io.Reader { return in }

// Name is the terminal's: TERM, as it is set.
func Name(term string) string { return term }
