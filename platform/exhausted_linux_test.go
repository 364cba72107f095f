package platform

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exhaustedAnswer is what a process found that had no descriptor left.
type exhaustedAnswer struct {
	Start, Lookup, Current string
	Exhausted              bool
	Unknown                bool // some account was called unknown
	Peak                   uint64
}

// exhaustedMark has the test binary be such a process.
const exhaustedMark = "PLATFORM_TEST_EXHAUSTED"

func TestWithoutDescriptorsNothingStartsAndNobodyIsUnknown(t *testing.T) {
	if os.Getenv(exhaustedMark) != "" {
		var a exhaustedAnswer
		trees := NewTrees(TreesOptions{Group: true})
		before := child{exec.Command("/bin/true")}
		_ = before.cmd.Run()
		var all []*os.File
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				break
			}
			all = append(all, f)
		}
		var se *StartError
		var unknown user.UnknownUserError
		_, err := Start(trees, Spec{Argv: []string{"/bin/true"}})
		a.Exhausted, a.Start = errors.As(err, &se) && se.Exhausted, err.Error()
		_, err = new(Users).Lookup("root")
		a.Unknown, a.Lookup = errors.As(err, &unknown), err.Error()
		_, err = new(Users).Current()
		a.Unknown, a.Current = a.Unknown || errors.As(err, &unknown), err.Error()
		var own atomic.Uint64
		_ = before.peak(&own)
		a.Peak = own.Load()
		for _, f := range all {
			_ = f.Close()
		}
		_ = json.NewEncoder(os.Stderr).Encode(a)
		return
	}
	cmd := exec.Command("sh", "-c", `ulimit -n 30; exec "$0" -test.run `+t.Name(), testBinary(t))
	cmd.Env = append(os.Environ(), exhaustedMark+"=1")
	var said strings.Builder
	cmd.Stderr = &said
	require.NoError(t, cmd.Run(), said.String())
	var a exhaustedAnswer
	require.NoError(t, json.Unmarshal([]byte(said.String()), &a), said.String())
	assert.True(t, a.Exhausted)
	assert.False(t, a.Unknown)
	assert.Zero(t, a.Peak, "what could not be read is no measure for the commands to come")
	for _, text := range []string{a.Start, a.Lookup, a.Current} {
		assert.Contains(t, text, "too many open files")
	}
}
