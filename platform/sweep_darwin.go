package platform

import "golang.org/x/sys/unix"

func sweep(r Remains) (int, error) {
	if r.PID == 0 || r.StartTime == 0 {
		return 0, nil
	}
	if t, err := StartTime(r.PID); err != nil || t != r.StartTime {
		return 0, nil
	}
	n := len(sessionMembers(r.PID))
	return n, group{leader: r.PID}.all(unix.SIGKILL)
}
