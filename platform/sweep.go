package platform

// Remains is what a daemon recorded of a command, for the daemon that comes
// after it was killed: ID, BootID and Cgroup (Trees.Folder) before the start,
// PID and StartTime right after.
type Remains struct {
	// ID is Spec.ID; the command's environment held REXEC_SESSION=ID.
	ID string
	// BootID is what BootID said.
	BootID string
	// PID is the leader, StartTime what StartTime said of it; 0: unknown, the
	// daemon died in between.
	PID       int
	StartTime uint64
	// Cgroup is the tree's folder; empty: none.
	Cgroup string
}

// SessionVariable names the session in a command's environment; Sweep finds
// by it what no folder and no recorded process leads to.
const SessionVariable = "REXEC_SESSION"

// Sweep kills what is left of a command of an earlier daemon, and only that:
// the members of its folder, the session of its leader if the process with
// that pid is still the recorded one, and every process with REXEC_SESSION=ID
// in its environment; never the caller. It waits, a few seconds at most, until
// they are gone, removes the folder, and says how many it killed. What another
// boot left is not there any more. Off Linux only the leader's session is
// found, on Windows nothing.
func Sweep(r Remains) (killed int, err error) {
	if r.BootID != "" && r.BootID != BootID() {
		return 0, nil
	}
	return sweep(r)
}
