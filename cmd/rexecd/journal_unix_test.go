//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheJournalsStreamIsKnownByItsDeviceAndInode(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	require.NoError(t, err)
	defer f.Close()
	var st syscall.Stat_t
	require.NoError(t, syscall.Fstat(int(f.Fd()), &st))
	assert.True(t, isJournal(f, fmt.Sprintf("%d:%d", st.Dev, st.Ino)))
	assert.False(t, isJournal(f, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1)))
}
