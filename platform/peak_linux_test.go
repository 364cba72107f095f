package platform

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPeakIsKnownUnderADaemonThatALargerProcessStarted(t *testing.T) {
	// What ru_maxrss of a process begins with: a helper of a few megabytes, started by a test of more.
	ballast := make([]byte, 150<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	c := exec.Command("/proc/self/exe", "-test.run", "TestHelperTellsItsPeak")
	c.Env = []string{"REXEC_TELL_PEAK=1"}
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "below")
	assert.Greater(t, ownPeak(), uint64(len(ballast)))
	assert.EqualValues(t, 1, ballast[4096])
}

func TestHelperTellsItsPeak(t *testing.T) {
	if os.Getenv("REXEC_TELL_PEAK") == "" {
		return // only the test above starts it for what it does
	}
	word := "above"
	if ownPeak() < 150<<20 {
		word = "below"
	}
	fmt.Println(word)
}
