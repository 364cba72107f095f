package localterm

// Modes are nil: a console has none of those that are named by RFC 4254.
func (t *Terminal) Modes() map[uint8]uint32 { return nil }
