//go:build unix

package localterm

import "golang.org/x/sys/unix"

// The codes of a terminal's modes, RFC 4254 section 8 and, for IUTF8, RFC 8160. What only some systems have stands in
// their files.
var (
	charCodes = map[uint8]int{
		1: unix.VINTR, 2: unix.VQUIT, 3: unix.VERASE, 4: unix.VKILL, 5: unix.VEOF, 6: unix.VEOL, 7: unix.VEOL2,
		8: unix.VSTART, 9: unix.VSTOP, 10: unix.VSUSP, 12: unix.VREPRINT, 13: unix.VWERASE, 14: unix.VLNEXT, 18: unix.VDISCARD,
	}
	inputCodes = map[uint8]uint64{
		30: unix.IGNPAR, 31: unix.PARMRK, 32: unix.INPCK, 33: unix.ISTRIP, 34: unix.INLCR, 35: unix.IGNCR, 36: unix.ICRNL,
		38: unix.IXON, 39: unix.IXANY, 40: unix.IXOFF, 41: unix.IMAXBEL,
	}
	localCodes = map[uint8]uint64{
		50: unix.ISIG, 51: unix.ICANON, 53: unix.ECHO, 54: unix.ECHOE, 55: unix.ECHOK, 56: unix.ECHONL, 57: unix.NOFLSH,
		58: unix.TOSTOP, 59: unix.IEXTEN, 60: unix.ECHOCTL, 61: unix.ECHOKE, 62: unix.PENDIN,
	}
	outputCodes  = map[uint8]uint64{70: unix.OPOST, 72: unix.ONLCR, 73: unix.OCRNL, 74: unix.ONOCR, 75: unix.ONLRET}
	controlCodes = map[uint8]uint64{90: unix.CS7, 91: unix.CS8, 92: unix.PARENB, 93: unix.PARODD}
)

const (
	codeInputSpeed  = 128
	codeOutputSpeed = 129
	disabled        = 255 // a character that no key has
)

// Modes are the modes of the terminal as it was found, by the codes of RFC 4254 section 8; nil where there is none.
func (t *Terminal) Modes() map[uint8]uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.in
	if f == nil {
		f = t.out
	}
	if f == nil || t.saved != nil {
		return nil
	}
	tio, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return nil
	}
	return modes(tio)
}

func modes(tio *unix.Termios) map[uint8]uint32 {
	m := map[uint8]uint32{}
	for code, i := range charCodes {
		m[code] = uint32(tio.Cc[i])
		if tio.Cc[i] == noChar {
			m[code] = disabled
		}
	}
	flags := func(codes map[uint8]uint64, field uint64) {
		for code, bit := range codes {
			m[code] = 0
			if field&bit != 0 {
				m[code] = 1
			}
		}
	}
	flags(inputCodes, uint64(tio.Iflag))
	flags(localCodes, uint64(tio.Lflag))
	flags(outputCodes, uint64(tio.Oflag))
	flags(controlCodes, uint64(tio.Cflag))
	systemModes(tio, m, flags)
	return m
}
