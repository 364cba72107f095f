package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAFolderThatTakesNoFilesIsFoundBeforeAnythingRuns has one that root cannot write to either.
func TestAFolderThatTakesNoFilesIsFoundBeforeAnythingRuns(t *testing.T) {
	_, err := NewDir("/proc/self", someHosts("lab1"), nil)
	require.ErrorContains(t, err, "open /proc/self/.rexec-")
}
