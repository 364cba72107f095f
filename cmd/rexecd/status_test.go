package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"rexec/internal/server"
)

func TestStatusIsSaidInWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 3, 53, 48, 0, time.Local)
	s := statusReport{Version: "1.0", PID: 77, Status: server.Status{Since: at, Connections: 2, Unproved: 1, Refused: 3, ShutOut: 4, Started: 9}}
	const head = "running since 2026-11-21 03:53:48, as process 77, version 1.0\nconnections 3, of which not yet proved 1\nrefused 3, shut out 4\n"
	assert.Equal(t, head+"sessions 0, started so far 9\n", s.text(at))
	s.Sessions = 2
	s.Running = []server.Session{
		{ID: "0123456789abcdef0123456789abcdef", Key: "admin", User: "root", Remote: "127.0.0.1:1", PID: 5, Since: at},
		{ID: "f123456789abcdef0123456789abcdef", Key: "a", Remote: "[::1]:65535", Since: at.Add(time.Hour)},
	}
	assert.Equal(t, head+`sessions 2, started so far 9
SESSION           KEY    USER  REMOTE       PROCESS  FOR
0123456789abcdef  admin  root  127.0.0.1:1  5        1h1m0s
f123456789abcdef  a      -     [::1]:65535  -        1m0s
`, s.text(at.Add(61*time.Minute)))
}
