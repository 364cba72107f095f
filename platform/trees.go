package platform

// TreesOptions says how commands may be held.
type TreesOptions struct {
	// Group forces process groups where something better is at hand.
	Group bool
}

// tree holds one command and what it starts. signal, terminate, kill and
// survivors are called only while the leader is unreaped.
type tree interface {
	containment() string
	folder() string
	signal(name string) error
	terminate() error
	kill() error
	survivors() int
	peak() uint64 // bytes, 0 unknown; once, after the leader was reaped
	release()     // once, last
}
