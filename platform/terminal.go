package platform

// Terminal is how a command's terminal is when the command starts.
type Terminal struct {
	// Rows and Cols are characters, XPix and YPix pixels. Rows or Cols of 0
	// are those of a terminal of old, 24 and 80, and what is above MaxSize
	// is MaxSize; pixels of 0 are unknown.
	Rows, Cols, XPix, YPix uint16
	// Modes are numbered as in RFC 4254, section 8; nil: the system's own.
	Modes map[uint8]uint32
	// Variable, if not empty, is set in the command's environment to the
	// terminal's name.
	Variable string
}

// MaxSize is the most rows and columns a terminal gets. Programs allocate
// their product; tmux and vim stop at the same number.
const MaxSize = 10000

const (
	usualRows = 24
	usualCols = 80
)

// clampSize gives one dimension that programs can live with. Of a zero one
// nothing is known, so that it stays as it was (RFC 4254, section 6.2).
func clampSize(n, was uint16) uint16 {
	if n == 0 {
		n = was
	}
	return min(n, MaxSize)
}

// Resize tells the command's terminal its new size, whose zero dimensions
// stay as they were; without a terminal, or after its end, it does nothing.
func (p *Process) Resize(rows, cols, xpix, ypix uint16) error {
	if p.term == nil {
		return nil
	}
	return p.term.resize(rows, cols, xpix, ypix)
}

// KillForeground ends the leader's group and the one that was in the
// foreground of the terminal when that was closed, or is now; what left them
// lives on. Without a terminal it ends the leader's group.
func (p *Process) KillForeground() error {
	return p.unreleased(func() error {
		if p.term == nil {
			return p.tree.signal("KILL")
		}
		return p.term.killForeground(p.Pid())
	})
}
