package platform

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// A terminal is a pseudo console: the system's own console program with two
// pipes instead of a window. It speaks UTF-8 and VT sequences whatever the
// code page. The end of the command is not the end of its output; somebody
// has to close the console for that.

// terminalName is what others call a terminal without a name here.
const terminalName = "windows-pty"

// checkTerminal: pseudo consoles came with Windows 10 1809.
func checkTerminal(t *Terminal) error {
	if t != nil && kernel32.NewProc("CreatePseudoConsole").Find() != nil {
		return cannot(windows.ERROR_NOT_SUPPORTED, "this Windows is too old for terminals, which need 10 1809 or Server 2019: use pipes (-T)")
	}
	return nil
}

// terminal is a pseudo console and our ends of its pipes.
type terminal struct {
	input, output *os.File

	mu         sync.Mutex
	console    windows.Handle // 0: closed, or being closed
	rows, cols uint16
	leader     windows.Handle // 0: not started
}

// openTerminal makes a pseudo console as t says. theirs are its ends of the
// pipes, to be closed after the start, when it has its own.
func openTerminal(t Terminal) (term *terminal, theirs [3]windows.Handle, err error) {
	term = &terminal{rows: clampSize(t.Rows, usualRows), cols: clampSize(t.Cols, usualCols)}
	if theirs[0], term.input, err = pipe(true); err != nil {
		return nil, theirs, err
	}
	if theirs[1], term.output, err = pipe(false); err != nil {
		_ = term.input.Close()
		return nil, theirs, err
	}
	if err = windows.CreatePseudoConsole(term.size(), theirs[0], theirs[1], 0, &term.console); err != nil {
		term.console = 0
		return nil, theirs, errors.Join(os.NewSyscallError("CreatePseudoConsole", err), term.Close(), term.input.Close())
	}
	return term, theirs, nil
}

// size is at least 2 times 1: consoles cannot be smaller.
func (t *terminal) size() windows.Coord {
	return windows.Coord{X: int16(max(t.cols, 2)), Y: int16(max(t.rows, 1))}
}

func (t *terminal) resize(rows, cols, _, _ uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.size()
	t.rows, t.cols = clampSize(rows, t.rows), clampSize(cols, t.cols)
	if t.console == 0 || t.size() == was {
		return nil
	}
	return os.NewSyscallError("ResizePseudoConsole", windows.ResizePseudoConsole(t.console, t.size()))
}

// hangUp closes the console: whoever is attached to it is told to end, and
// ended by the system after a while; what is printed already still comes out,
// and then the output's end. Before Windows 11 24H2 the call waits until all
// of that is read, so nobody waits for it.
func (t *terminal) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.console != 0 {
		go windows.ClosePseudoConsole(t.console)
		t.console = 0
	}
}

// leaderEnded ends the output behind what is on its way.
func (t *terminal) leaderEnded() { t.hangUp() }

// Close hangs the terminal up and reads no more of it.
func (t *terminal) Close() error {
	t.hangUp()
	return t.output.Close()
}

// killForeground ends the leader; the system ends those that were attached
// when the console was closed.
func (t *terminal) killForeground(int) error {
	err := windows.TerminateProcess(t.leader, codeKill)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) { // so the system says of one that ended
		return nil
	}
	return os.NewSyscallError("TerminateProcess", err)
}

// typing is the writing side of a terminal. Its Close ends what waits in
// Write and leaves the pipe open, because a console ends with its input.
type typing struct{ f *os.File }

var _ io.WriteCloser = typing{}

func (t typing) Write(b []byte) (int, error) {
	n, err := input{t.f}.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
		err = syscall.EPIPE // nobody reads any more
	}
	return n, err
}

func (t typing) Close() error {
	_ = t.f.SetWriteDeadline(time.Unix(1, 0)) // fails where it is closed
	return nil
}
