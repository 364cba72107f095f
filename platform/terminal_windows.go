package platform

import "errors"

func checkTerminal(t *Terminal) error {
	if t != nil {
		return cannot(nil, "no terminal support on Windows yet: use pipes (-T)")
	}
	return nil
}

// terminal is never made here.
type terminal struct{}

func (*terminal) resize(_, _, _, _ uint16) error { return errors.ErrUnsupported }
func (*terminal) killForeground(int) error       { return errors.ErrUnsupported }
func (*terminal) leaderEnded()                   {}
func (*terminal) Close() error                   { return nil }
