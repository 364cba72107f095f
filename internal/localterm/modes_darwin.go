package localterm

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
	noChar     = 0xff // _POSIX_VDISABLE
)

func systemModes(tio *unix.Termios, m map[uint8]uint32, flags func(map[uint8]uint64, uint64)) {
	for code, i := range map[uint8]int{11: unix.VDSUSP, 17: unix.VSTATUS} {
		m[code] = uint32(tio.Cc[i])
		if tio.Cc[i] == noChar {
			m[code] = disabled
		}
	}
	flags(map[uint8]uint64{42: unix.IUTF8}, uint64(tio.Iflag))
	m[codeInputSpeed], m[codeOutputSpeed] = uint32(tio.Ispeed), uint32(tio.Ospeed)
}
