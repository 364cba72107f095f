package platform

// User is an account of this machine.
type User struct {
	Name     string
	UID, GID uint32   // 0 on Windows
	Groups   []uint32 // all of them, GID included
	Home     string
	Shell    string // never empty
}
