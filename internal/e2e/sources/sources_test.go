package sources

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryFolderButHiddenOnesIsLookedAt(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a/b", ".git"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, ".git", "x.go")))
	require.NoError(t, Look(root))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "a", "b", "x.go")))
	require.ErrorIs(t, Look(root), fs.ErrNotExist, "it was looked at")
	require.ErrorIs(t, Look(filepath.Join(root, "none")), fs.ErrNotExist)
}
