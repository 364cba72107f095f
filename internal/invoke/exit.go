package invoke

import (
	"errors"

	"rexec/client"
	"rexec/frame"
)

// Exit codes that are not the command's own.
const (
	ExitTimeout  = 124
	ExitCannot   = 126 // it could not be started; 127: it was not found
	ExitSignal   = 128 // and the signal's number
	ExitTooLarge = 253 // its code does not fit into 0..255
	ExitRefused  = 254 // by policy
	ExitFailure  = 255 // of ours, not of the command's
)

// ExitCode is the one place that decides this process's exit code. err is what client's Start or Wait gave, or any
// other reason why there was no command; nil is 0.
func ExitCode(err error, sshShape bool) int {
	var interrupted *Interrupted
	var refused *client.RefusedError
	var exit *client.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &interrupted):
		return ExitSignal + signalNumber(signalName(interrupted.Signal))
	case errors.As(err, &refused) && !sshShape:
		return ExitRefused
	case !errors.As(err, &exit):
		return ExitFailure
	}
	v := exit.Result.Verdict
	switch n := signalNumber(v.Signal); {
	case v.Kind == frame.Exited && v.Code >= 0 && v.Code <= 255:
		return int(v.Code)
	case v.Kind == frame.Exited:
		return ExitTooLarge
	case v.Kind == frame.Signaled && n > 0:
		return ExitSignal + n
	case v.Kind == frame.TimedOut:
		return ExitTimeout
	case v.Kind == frame.StartFailed && v.Code == 127:
		return 127
	case v.Kind == frame.StartFailed && v.Code != 255: // 255: nothing could be started, whatever the command
		return ExitCannot
	}
	return ExitFailure // canceled by the caller, ended by the daemon, a signal that no number is known for
}
