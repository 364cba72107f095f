//go:build linux

package dropin

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBorgKeepsAndGivesBack(t *testing.T) {
	w := needTime(t, "borg")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		env := []string{"BORG_RSH=" + v.ssh, "BORG_BASE_DIR=" + here + "-borg", "BORG_PASSPHRASE=geheim",
			"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes"}
		borg := func(args ...string) string { return w.runEnv(t, v, here, env, "borg", args...) }
		plant(t, here)
		repo := "ssh://lab1" + there + "/repo"
		borg("init", "-e", "repokey-blake2", repo)
		borg("create", "--timestamp", "2026-01-02T03:04:05", repo+"::first", ".")
		require.NoError(t, os.WriteFile(here+"/more", seeded(6, 5<<20), 0o644))
		borg("create", "--timestamp", "2026-01-03T03:04:05", repo+"::第二", ".")
		borg("check", "--verify-data", repo)
		said := []string{borg("list", "--format", "{archive} {time}{NL}", repo)}
		said = append(said, sortLines(borg("list", "--format", "{mode} {size} {path} {linktarget} {sha256}{NL}", repo+"::第二"))...)
		require.NoError(t, os.Mkdir(there+"/back", 0o755))
		w.runEnv(t, v, there+"/back", env, "borg", "extract", repo+"::第二")
		assert.Equal(t, tree(t, here, true), tree(t, there+"/back", true))
		return said
	})
}
