package localterm

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
	noChar     = 0 // _POSIX_VDISABLE
)

// speeds by the bits of c_cflag.
var speeds = map[uint32]uint32{
	unix.B50: 50, unix.B75: 75, unix.B110: 110, unix.B134: 134, unix.B150: 150, unix.B200: 200, unix.B300: 300,
	unix.B600: 600, unix.B1200: 1200, unix.B1800: 1800, unix.B2400: 2400, unix.B4800: 4800, unix.B9600: 9600,
	unix.B19200: 19200, unix.B38400: 38400, unix.B57600: 57600, unix.B115200: 115200, unix.B230400: 230400,
	unix.B460800: 460800, unix.B921600: 921600,
}

func systemModes(tio *unix.Termios, m map[uint8]uint32, flags func(map[uint8]uint64, uint64)) {
	m[16] = uint32(tio.Cc[unix.VSWTC])
	if m[16] == noChar {
		m[16] = disabled
	}
	flags(map[uint8]uint64{37: unix.IUCLC, 42: unix.IUTF8}, uint64(tio.Iflag))
	flags(map[uint8]uint64{52: unix.XCASE}, uint64(tio.Lflag))
	flags(map[uint8]uint64{71: unix.OLCUC}, uint64(tio.Oflag))
	if speed, known := speeds[tio.Cflag&unix.CBAUD]; known {
		m[codeInputSpeed], m[codeOutputSpeed] = speed, speed
	}
}
