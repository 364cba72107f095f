package platform

import "golang.org/x/sys/unix"

func sweep(all []remaining) {
	for _, r := range all {
		if r.PID == 0 || r.StartTime == 0 {
			continue
		}
		if t, err := StartTime(r.PID); err != nil || t != r.StartTime {
			continue
		}
		r.answer.Killed = len(sessionMembers(r.PID))
		r.answer.Err = group{leader: r.PID}.all(unix.SIGKILL)
	}
}
