//go:build unix

package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rexec/internal/secretfile"
)

func TestSem49_RingFileThatOthersCouldHaveMadeIsRefused(t *testing.T) {
	good := ringOf(t).Encode()
	for want, make := range map[string]func(path string) error{
		"is a symbolic link": func(path string) error {
			if err := secretfile.Write(path+".real", good); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		},
		"is a FIFO": func(path string) error { return unix.Mkfifo(path, 0o600) },
		"is open to others (mode 0644): chmod 600 ": func(path string) error {
			if err := secretfile.Write(path, good); err != nil {
				return err
			}
			return os.Chmod(path, 0o644)
		},
		"is a folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(t.TempDir(), "keyring.toml")
		require.NoError(t, make(path))
		_, err := Load(path)
		var refused *secretfile.Refused
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, "key ring: ")
		require.ErrorContains(t, err, want)
	}
}
