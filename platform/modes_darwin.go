package platform

import "golang.org/x/sys/unix"

const (
	getTermios    = unix.TIOCGETA
	setTermios    = unix.TIOCSETA
	posixVDisable = 0xff // _POSIX_VDISABLE
)

// termFlag is a word of flags.
type termFlag = uint64

var modeChars = map[uint8]int{
	1: unix.VINTR, 2: unix.VQUIT, 3: unix.VERASE, 4: unix.VKILL, 5: unix.VEOF, 6: unix.VEOL, 7: unix.VEOL2,
	8: unix.VSTART, 9: unix.VSTOP, 10: unix.VSUSP, 11: unix.VDSUSP, 12: unix.VREPRINT, 13: unix.VWERASE,
	14: unix.VLNEXT, 17: unix.VSTATUS, 18: unix.VDISCARD,
}

var modeFlags = map[uint8]modeFlag{
	30: {iflag, unix.IGNPAR}, 31: {iflag, unix.PARMRK}, 32: {iflag, unix.INPCK}, 33: {iflag, unix.ISTRIP},
	34: {iflag, unix.INLCR}, 35: {iflag, unix.IGNCR}, 36: {iflag, unix.ICRNL},
	38: {iflag, unix.IXON}, 39: {iflag, unix.IXANY}, 40: {iflag, unix.IXOFF}, 41: {iflag, unix.IMAXBEL},
	42: {iflag, unix.IUTF8},
	50: {lflag, unix.ISIG}, 51: {lflag, unix.ICANON}, 53: {lflag, unix.ECHO},
	54: {lflag, unix.ECHOE}, 55: {lflag, unix.ECHOK}, 56: {lflag, unix.ECHONL}, 57: {lflag, unix.NOFLSH},
	58: {lflag, unix.TOSTOP}, 59: {lflag, unix.IEXTEN}, 60: {lflag, unix.ECHOCTL}, 61: {lflag, unix.ECHOKE},
	62: {lflag, unix.PENDIN},
	70: {oflag, unix.OPOST}, 72: {oflag, unix.ONLCR}, 73: {oflag, unix.OCRNL},
	74: {oflag, unix.ONOCR}, 75: {oflag, unix.ONLRET},
	92: {cflag, unix.PARENB}, 93: {cflag, unix.PARODD},
}

func setInSpeed(t *unix.Termios, v uint32) {
	if v != 0 {
		t.Ispeed = uint64(v)
	}
}

// setOutSpeed also hangs up nobody: a speed of 0 would.
func setOutSpeed(t *unix.Termios, v uint32) {
	if v != 0 {
		t.Ospeed = uint64(v)
	}
}
