package strictoml

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFileOfSettingsMayBeMissingButNotLongerThanSaidNorAFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts.toml")
	data, err := ReadFile(path, 4)
	require.NoError(t, err)
	assert.Empty(t, data)
	require.NoError(t, os.WriteFile(path, []byte("a=1\n"), 0o644))
	data, err = ReadFile(path, 4)
	require.NoError(t, err)
	assert.Equal(t, "a=1\n", string(data))
	_, err = ReadFile(path, 3)
	assert.ErrorContains(t, err, "hosts.toml is longer than 3 bytes")
	_, err = ReadFile(filepath.Dir(path), 4)
	assert.ErrorContains(t, err, "is not a regular file: put one there")
}
