package platform

// TreesOptions says how commands may be held.
type TreesOptions struct {
	// Group forces process groups where something better is at hand.
	Group bool
}

// Trees knows what this machine has to hold a command and all it starts.
// It is made once, by NewTrees, and may be used from any goroutine.
type Trees struct {
	cgroups *cgroups // nil: none, process groups or jobs
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
