package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// TestAFolderHasNothingOfAnEarlierRunOfHostsThatDoNotRun is for who reads the files: a dead host's old answer is no answer.
func TestAFolderHasNothingOfAnEarlierRunOfHostsThatDoNotRun(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lab1.out", "lab1.err", "lab2.out", "lab2.err", "lab3.out", "notes"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lab4.out"), 0o700))
	hosts := append(someHosts("lab1", "lab2", "lab4"), Host{Name: "../x"})
	screen, _, _ := shownOn()
	d, err := NewDir(dir, hosts, NewLive(screen, Style{}, nil))
	require.NoError(t, err)
	o, e := d.Started(hosts[0], &frame.Started{})
	put(t, o, "now")
	end(t, o, e)
	found := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		b, _ := os.ReadFile(filepath.Join(dir, entry.Name()))
		found[entry.Name()] = string(b)
	}
	assert.Equal(t, map[string]string{"lab1.out": "now", "lab1.err": "", "lab3.out": "earlier", "lab4.out": "", "notes": "earlier"},
		found, "lab2 did not run, lab3 is not of this run, and a folder is not a file")
}
