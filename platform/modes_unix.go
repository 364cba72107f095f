//go:build unix

package platform

import (
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Opcodes of RFC 4254, section 8, that are not a flag or a character.
const (
	opEnd    = 0
	opCS7    = 90
	opCS8    = 91
	opISpeed = 128
	opOSpeed = 129
)

// noChar in a message is a special character that is off.
const noChar = 255

// setModes sets the terminal behind fd; modes that this system does not have
// are left out, as are opcodes nobody has assigned.
func setModes(fd int, modes map[uint8]uint32) error {
	if len(modes) == 0 {
		return nil
	}
	t, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return os.NewSyscallError("ioctl get termios", err)
	}
	for _, op := range slices.Sorted(maps.Keys(modes)) { // CS8 counts, whatever CS7 says
		setMode(t, op, modes[op])
	}
	return os.NewSyscallError("ioctl set termios", unix.IoctlSetTermios(fd, setTermios, t))
}

func setMode(t *unix.Termios, op uint8, v uint32) {
	if i, ok := modeChars[op]; ok {
		if v == noChar {
			v = posixVDisable
		}
		t.Cc[i] = uint8(v)
		return
	}
	if f, ok := modeFlags[op]; ok {
		if v != 0 {
			*f.of(t) |= f.bits
		} else {
			*f.of(t) &^= f.bits
		}
		return
	}
	switch op {
	case opCS7, opCS8:
		if v != 0 {
			size := termFlag(unix.CS7)
			if op == opCS8 {
				size = unix.CS8
			}
			t.Cflag = t.Cflag&^unix.CSIZE | size
		}
	case opISpeed:
		setInSpeed(t, v)
	case opOSpeed:
		setOutSpeed(t, v)
	}
}

// modeFlag is some bits of one of termios' four words.
type modeFlag struct {
	of   func(*unix.Termios) *termFlag
	bits termFlag
}

func iflag(t *unix.Termios) *termFlag { return &t.Iflag }
func oflag(t *unix.Termios) *termFlag { return &t.Oflag }
func cflag(t *unix.Termios) *termFlag { return &t.Cflag }
func lflag(t *unix.Termios) *termFlag { return &t.Lflag }
