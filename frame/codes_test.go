package frame

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodesHaveTheirNumbersAndNames(t *testing.T) {
	names := map[Code]string{
		CodeNone: "no reason", CodeProtocol: "protocol error", CodeUnknownKind: "unknown kind",
		CodeNotSupported: "not supported", CodeOverload: "overload", CodeGoingAway: "going away", CodeRefused: "refused",
		CodeCanceled: "canceled", CodeInternal: "internal error", CodeShutdown: "shutting down", CodeIdle: "idle",
		CodeUnreachable: "unreachable",
	}
	require.Len(t, codeNames, len(names))
	for c, name := range names {
		require.Equal(t, name, c.String())
	}
	require.Equal(t, "code 12", Code(12).String())
	require.Equal(t, "code 65535", Code(65535).String())
}

func TestKindsHaveTheirNames(t *testing.T) {
	for k, name := range map[Kind]string{
		Exited: "exited", Signaled: "signaled", TimedOut: "timeout", Canceled: "canceled", Disconnected: "disconnected",
		Ended: "ended", StartFailed: "start_failed", Refused: "refused", Unknown: "unknown",
		0: "kind 0", 10: "kind 10", 255: "kind 255",
	} {
		require.Equal(t, name, k.String())
	}
	for k := Exited; k <= Unknown; k++ {
		require.Equal(t, k != StartFailed && k != Refused, k.Ran(), k.String())
	}
}

func TestContainmentHasItsNames(t *testing.T) {
	for c, name := range map[Containment]string{
		ContainGroup: "group", ContainCgroup: "cgroup", ContainJob: "job", 0: "containment 0", 9: "containment 9",
	} {
		require.Equal(t, name, c.String())
	}
}

func TestErrorsSayWhoEndedWhatAndWhy(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{
		{&StreamError{}, "stream reset"},
		{&StreamError{Code: CodeOverload}, "stream reset: overload"},
		{&StreamError{Code: CodeRefused, Text: "no\x1b[2J", Remote: true}, `stream reset by the other side: refused: "no\x1b[2J"`},
		{&ConnError{}, "connection ended"},
		{&ConnError{Code: CodeShutdown, Remote: true}, "connection ended by the other side: shutting down"},
		{&ConnError{Text: "read", Err: io.EOF}, `connection ended: "read": EOF`},
	} {
		require.EqualError(t, c.err, c.says)
	}
}

func TestConnErrorGivesItsCause(t *testing.T) {
	require.ErrorIs(t, &ConnError{Err: io.ErrUnexpectedEOF}, io.ErrUnexpectedEOF)
	require.NoError(t, errors.Unwrap(&ConnError{}))
}
