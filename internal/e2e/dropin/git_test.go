//go:build linux

package dropin

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGitClonesFetchesAndPushes(t *testing.T) {
	w := need(t, "git")
	for _, variable := range []string{"GIT_SSH_COMMAND", "GIT_SSH"} {
		t.Run(variable, func(t *testing.T) {
			both(t, w, func(t *testing.T, v way, here, there string) []string {
				env := []string{variable + "=" + v.ssh, "GIT_CONFIG_GLOBAL=" + here + "/gitconfig", "GIT_CONFIG_NOSYSTEM=1",
					"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z"}
				git := func(dir string, args ...string) string {
					return w.runEnv(t, v, dir, env, "git", args...)
				}
				// Without maintenance, which newer ones leave running behind, in folders that are removed here.
				for _, pair := range [][2]string{{"user.name", "张"}, {"user.email", "z@example"}, {"init.defaultBranch", "main"}, {"safe.directory", "*"},
					{"maintenance.auto", "false"}, {"gc.auto", "0"}} {
					git(here, "config", "--global", pair[0], pair[1])
				}
				// A repository whose name wants quotes.
				repo := filepath.Join(there, "re'po 库.git")
				git(there, "init", "-q", "--bare", repo)
				git(repo, "config", "receive.autogc", "false")
				work := there + "/work"
				git(there, "clone", "-q", repo, work)
				plant(t, work)
				git(work, "add", "-A")
				git(work, "commit", "-qm", "首次提交")
				git(work, "push", "-q", "origin", "main")

				trace := here + "/trace"
				env = append(env, "GIT_TRACE_PACKET="+trace)
				git(here, "clone", "-q", "lab1:"+repo, "clone")
				assert.Contains(t, read(t, trace), "version 2", "GIT_PROTOCOL came through")
				clone := here + "/clone"
				git(clone, "fsck", "--strict")
				require.NoError(t, os.RemoveAll(here+"/.git"))

				require.NoError(t, os.WriteFile(work+"/more", seeded(3, 3<<20), 0o644))
				git(work, "add", "-A")
				git(work, "commit", "-qm", "more")
				git(work, "push", "-q", "origin", "main")
				git(clone, "fetch", "-q")
				git(clone, "merge", "-q", "--ff-only", "origin/main")

				git(clone, "checkout", "-q", "-b", "分支")
				require.NoError(t, os.WriteFile(clone+"/mine", seeded(4, 2<<20), 0o644))
				git(clone, "add", "-A")
				git(clone, "commit", "-qm", "mine")
				git(clone, "push", "-q", "origin", "分支")
				git(repo, "fsck", "--strict")
				said := git(clone, "ls-remote", "ssh://lab1"+strings.NewReplacer(" ", "%20", "'", "%27").Replace(repo))
				require.NoError(t, os.RemoveAll(clone+"/.git"))
				return []string{said, git(repo, "for-each-ref"), git(repo, "log", "--format=%H %s", "--all"), tree(t, clone, false)}
			})
		})
	}
}

func TestGitFailsAsItDoesWithSSH(t *testing.T) {
	w := need(t, "git")
	both(t, w, func(t *testing.T, v way, here, there string) int {
		r := w.try(t, func(ctx context.Context) *exec.Cmd {
			c := w.command(ctx, v, here, "git", "clone", "-q", "lab1:"+there+"/none.git")
			c.Env = append(c.Env, "GIT_SSH="+v.ssh)
			return c
		})
		assert.Contains(t, r.Stderr, "does not appear to be a git repository")
		return r.Code
	})
}
