package server

import "time"

// handoverTime is more than a process that is just being started needs to become its command.
const handoverTime = 2 * time.Second

// Handover tries to take what a daemon had that was killed, until it is done, for two seconds at most: the process that
// such a daemon was just starting has all of it until it has become its command (vfork(2)).
func Handover(try func() (done bool)) {
	for end := time.Now().Add(handoverTime); !try() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
