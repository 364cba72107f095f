package audit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSem51_AnOpenLogCanBeRenamed(t *testing.T) {
	dir, err := os.MkdirTemp("", "audit") // os.RemoveAll, which testing uses, is missing in wine
	require.NoError(t, err)
	path := filepath.Join(dir, "audit.log")
	l, err := Open(Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, l.Write(run("a")))
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, l.Write(run("b")))
	assert.Len(t, linesOf(t, path+".1"), 2, "renamed: until it is told")
	require.NoError(t, l.Reopen(Options{Path: path}))
	require.NoError(t, l.Write(run("c")))
	assert.Len(t, linesOf(t, path), 1)
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Remove(path+".1"))
	require.NoError(t, os.Remove(dir))
}
