package invoke

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
	"rexec/session"
)

func ended(v frame.Verdict) error {
	return &client.ExitError{Result: session.Result{Verdict: v}}
}

func TestExitCodeSaysWhatHappened(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"success", nil, 0},
		{"own code", ended(frame.Verdict{Kind: frame.Exited, Code: 44}), 44},
		{"own 255", ended(frame.Verdict{Kind: frame.Exited, Code: 255}), 255},
		{"SEM 3: 0xC0000005", ended(frame.Verdict{Kind: frame.Exited, Code: 0xC0000005}), 253},
		{"SEM 3: 9009", ended(frame.Verdict{Kind: frame.Exited, Code: 9009}), 253},
		{"below zero", ended(frame.Verdict{Kind: frame.Exited, Code: -1}), 253},
		{"SEM 2: SEGV", ended(frame.Verdict{Kind: frame.Signaled, Signal: "SEGV"}), 139},
		{"a signal without a name", ended(frame.Verdict{Kind: frame.Signaled, Signal: "40"}), 168},
		{"a signal that no Linux has", ended(frame.Verdict{Kind: frame.Signaled, Signal: "INFO"}), 255},
		{"timeout", ended(frame.Verdict{Kind: frame.TimedOut, Signal: "TERM"}), 124},
		{"cannot start", ended(frame.Verdict{Kind: frame.StartFailed, Code: 126}), 126},
		{"not found", ended(frame.Verdict{Kind: frame.StartFailed, Code: 127}), 127},
		{"a daemon that can start nothing", ended(frame.Verdict{Kind: frame.StartFailed, Code: 255}), 255},
		{"a start that failed with a code of no meaning", ended(frame.Verdict{Kind: frame.StartFailed, Code: 3}), 126},
		{"canceled by the caller", ended(frame.Verdict{Kind: frame.Canceled, Signal: "TERM"}), 255},
		{"ended by the daemon", ended(frame.Verdict{Kind: frame.Ended}), 255},
		{"refused", &client.RefusedError{Reason: "no"}, 254},
		{"connect", &client.ConnectError{Err: errors.New("no")}, 255},
		{"unknown", &client.UnknownError{Err: errors.New("lost")}, 255},
		{"local", &client.LocalError{Err: syscall.ENOSPC}, 255},
		{"anything else", errors.New("no"), 255},
		{"interrupted before there was a command", &Interrupted{Signal: os.Interrupt}, 130},
		{"interrupted", &Interrupted{syscall.SIGTERM, ended(frame.Verdict{Kind: frame.Canceled})}, 143},
	} {
		assert.Equal(t, c.want, ExitCode(c.err, false), c.name)
	}
	assert.Equal(t, 255, ExitCode(&client.RefusedError{}, true), "to programs that know ssh, a refusal is a failure of ssh's")
	assert.Equal(t, 126, ExitCode(ended(frame.Verdict{Kind: frame.StartFailed, Code: 126}), true))
}

func TestSem3_CodeThatDoesNotFitIsToldInHex(t *testing.T) {
	var said, status strings.Builder
	code := finish(outcome{err: ended(frame.Verdict{Kind: frame.Exited, Code: 0xC0000005}),
		result: session.Result{Verdict: frame.Verdict{Kind: frame.Exited, Code: 0xC0000005}}},
		Options{Host: "win", Stderr: &said, Status: &status})
	assert.Equal(t, 253, code)
	assert.Equal(t, "rexec: win: the command ended with code 3221225477 (0xC0000005), which does not fit into an exit code\n", said.String())
	assert.Contains(t, status.String(), `"code":3221225477,`)
}

func TestStatusIsOneLineWithEveryName(t *testing.T) {
	var status strings.Builder
	r := session.Result{
		Started: &frame.Started{Session: []byte("0123456789abcdef"), OS: "linux", Encoding: "utf-8", Containment: frame.ContainCgroup},
		Verdict: frame.Verdict{Kind: frame.Exited, Code: 3, In: 1, Out: 2, Err: 4, Held: frame.HeldErr, Survivors: 2, Wall: 5, User: 6, System: 7, Peak: 8},
		Out:     2, Err: 4,
	}
	assert.Equal(t, 3, finish(outcome{err: &client.ExitError{Result: r}, result: r}, Options{Host: "box", Status: &status}))
	assert.Equal(t, `{"host":"box","kind":"exited","code":3,"signal":"","core":false,"bytes_in":1,"bytes_out":2,"bytes_err":4,`+
		`"held":["stderr"],"survivors":2,"wall_us":5,"user_us":6,"system_us":7,"peak_bytes":8,"session":"30313233343536373839616263646566",`+
		`"os":"linux","encoding":"utf-8","text_in":"","text_out":"","text_err":"","containment":"cgroup","error_class":"","error":"","exit":3}`+"\n", status.String())
}

func TestErrorClassTellsFailuresApart(t *testing.T) {
	for _, c := range []struct {
		class, kind string
		err         error
	}{
		{"connect", "not_started", &client.ConnectError{Err: syscall.ECONNREFUSED}},
		{"authentication", "not_started", &client.ConnectError{Refused: true, Err: &hmacauth.RefusedError{Code: hmacauth.RefusalNotAdmitted}}},
		{"authentication", "not_started", &client.ConnectError{PinChanged: true, Err: errors.New("other")}},
		{"authentication", "not_started", &client.ConnectError{Err: hmacauth.ErrBadProof}},
		{"refused", "refused", &client.RefusedError{}},
		{"unknown", "unknown", &client.UnknownError{Err: errors.New("lost")}},
		{"unknown", "unknown", &Interrupted{os.Interrupt, &client.UnknownError{Err: errGaveUp}}},
		{"interrupted", "not_started", &Interrupted{Signal: os.Interrupt}},
		{"start", "not_started", ended(frame.Verdict{Kind: frame.StartFailed})},
		{"ended", "not_started", ended(frame.Verdict{Kind: frame.Ended})},
		{"", "not_started", ended(frame.Verdict{Kind: frame.Exited, Code: 1})},
		{"local", "not_started", errors.New("no such host")},
	} {
		o := outcome{err: c.err}
		assert.Equal(t, c.class, o.class(), "%v", c.err)
		assert.Equal(t, c.kind, o.kind(), "%v", c.err)
		var back map[string]any
		var status strings.Builder
		finish(o, Options{Status: &status})
		require.NoError(t, json.Unmarshal([]byte(status.String()), &back), "%v", c.err)
		assert.Equal(t, c.class, back["error_class"])
	}
}

func TestRefusalIsToldInOurOwnWordsAndAsUnproved(t *testing.T) {
	for _, code := range []hmacauth.Refusal{hmacauth.RefusalNotAdmitted, hmacauth.RefusalVersion, hmacauth.RefusalBusy, 99} {
		words := outcome{err: &client.ConnectError{Address: "lab:1", Refused: true, Err: &hmacauth.RefusedError{Code: code}}}.words("lab")
		assert.Contains(t, words, "lab:1")
		assert.Contains(t, words, "this answer is not authenticated", "%v", code)
	}
}

func TestSem52_WhatTheOtherSideSaysStaysOneLine(t *testing.T) {
	assert.Equal(t, `a\nb\x1b[2J\u202e 你好\xff`, Line("a\nb\x1b[2J\u202e 你好\xff"))
	long := Line(strings.Repeat("x", 1<<20))
	assert.Len(t, long, maxLine+3)
	var said strings.Builder
	Fail(&client.RefusedError{Reason: "no\r\n\x1b]0;x\a"}, Options{Host: "h\u202e", Stderr: &said})
	assert.Equal(t, "rexec: h\\u202e: refused by the daemon's policy: no\\r\\n\\x1b]0;x\\a\n", said.String())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestStatusThatCannotBeWrittenIsAFailure(t *testing.T) {
	var said strings.Builder
	assert.Equal(t, ExitFailure, finish(outcome{}, Options{Host: "box", Stderr: &said, Status: fullDisk{}}))
	assert.Equal(t, "rexec: box: cannot write the status: no space left on device\n", said.String())
}
