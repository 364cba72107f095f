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

// Swept is what became of one Remains.
type Swept struct {
	Killed int   // processes
	Err    error // why some may still be there
}

// Sweep kills what is left of commands of an earlier daemon, and only that:
// the members of a command's folder, the session of its leader if the process
// with that pid is still the recorded one, and every process with
// REXEC_SESSION=ID in its environment; never the caller. All of them are
// looked for in one walk over the processes, however many commands there
// were. It waits, a few seconds at most, until they are gone, and removes the
// folders. What another boot left is not there any more. Off Linux only the
// leader's session is found, on Windows nothing. The answers are in the order
// of the questions.
func Sweep(all []Remains) []Swept {
	answers := make([]Swept, len(all))
	boot := BootID()
	var there []remaining
	for i, r := range all {
		if r.BootID == "" || r.BootID == boot {
			there = append(there, remaining{r, &answers[i]})
		}
	}
	sweep(there)
	return answers
}

// remaining is a question with the place for its answer.
type remaining struct {
	Remains
	answer *Swept
}
