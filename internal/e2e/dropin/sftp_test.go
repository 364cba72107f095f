//go:build linux

package dropin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sftp runs a batch; each line is its own command.
func (w *world) sftp(t *testing.T, v way, dir, host string, lines ...string) result {
	t.Helper()
	return w.try(t, func(ctx context.Context) *exec.Cmd {
		cmd := w.command(ctx, v, dir, "sftp", "-q", "-S", v.ssh, "-b", "-", host)
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		return cmd
	})
}

func TestSftpDoesAllThatItCanDo(t *testing.T) {
	w := need(t, "sftp")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		plant(t, here)
		const size = 40 << 20
		seededFile(t, here+"/big", 5, size)
		seededFile(t, here+"/part", 5, size/3)
		quoted := func(name string) string { return `"` + strings.NewReplacer(`"`, `\"`).Replace(name) + `"` }
		r := w.sftp(t, v, here, "lab1",
			"cd "+there, "pwd",
			"put big", "put -p "+quoted(chinese), "put "+quoted(spaced),
			`put -r "a b"`, `put -Rp "空 目录" empty-copy`,
			"get big got", "reget big part", "get -p "+quoted(chinese)+" 取回",
			`get -r "a b" pulled`,
			"mkdir 新建", "cd 新建", "put zero", "rename zero renamed", "symlink renamed 链", "ln renamed hard", "chmod 640 renamed", "cd ..",
			"rename big 大",
			"mkdir gone", "rmdir gone", "-rmdir 新建", "-rm 新建", "-mkdir 新建", "-get nothing", "-rename nothing x", "-cd nowhere",
			"rm "+quoted(spaced), "ls -1", "cd 新建", "ls -l") // without -a: our server does not list . and ..
		require.Zero(t, r.Code, "%s%s", r.Stdout, r.Stderr)
		for _, name := range []string{"got", "part"} {
			require.Equal(t, sum(t, here+"/big"), sum(t, path.Join(here, name)), name)
		}
		assert.Equal(t, sum(t, here+"/"+chinese), sum(t, here+"/取回"))
		assert.Contains(t, r.Stdout, chinese)
		return []string{listings(plain(r.Stdout, there, "THERE")), plain(r.Stderr, there, "THERE"), tree(t, there, false), tree(t, here, false)}
	})
}

// listings makes one format of two: who asks the server for names of users counts no links.
func listings(said string) string {
	said = regexp.MustCompile(`(?m)^([-dl][-rwxst]{9}) +[?0-9]+ +`).ReplaceAllString(said, "$1 ")
	said = regexp.MustCompile(`[A-Z][a-z]{2} +[0-9]+ [0-9:]{5}`).ReplaceAllString(said, "TIME")
	return regexp.MustCompile(` +`).ReplaceAllString(said, " ")
}

func TestSftpKnowsHowFullTheDiskIs(t *testing.T) {
	w := need(t, "sftp")
	both(t, w, func(t *testing.T, v way, here, there string) bool {
		for end := time.Now().Add(patience); ; {
			before := sizes(t, there)
			r := w.sftp(t, v, here, "lab1", "df "+there, "df -i "+there)
			require.Zero(t, r.Code, r.Stderr)
			if sizes(t, there) == before { // some file systems, XFS for one, have more inodes the emptier they are
				said := strings.Join(regexp.MustCompile(`(?m)^ +[0-9]+`).FindAllString(r.Stdout, -1), "")
				return assert.Equal(t, before[:], strings.Fields(said), r.Stdout)
			}
			require.True(t, time.Now().Before(end), "this file system never stays as it is")
		}
	})
}

// sizes are KiB and inodes that a folder's file system has in all.
func sizes(t *testing.T, dir string) [2]string {
	t.Helper()
	var fs syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &fs))
	return [2]string{fmt.Sprint(fs.Blocks * uint64(fs.Frsize) / 1024), fmt.Sprint(fs.Files)}
}

func TestSftpOverwritesOnlyWhereItIsAskedTo(t *testing.T) {
	w := need(t, "sftp")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		require.NoError(t, os.WriteFile(there+"/a", []byte("a"), 0o644))
		require.NoError(t, os.WriteFile(there+"/b", []byte("b"), 0o644))
		r := w.sftp(t, v, here, "lab1", "cd "+there, "-rename -l a b", "-ln a b", "-symlink a b", "-rmdir a", "rename a b", "ls -1")
		return []string{fmt.Sprint(r.Code), plain(r.Stdout, there, "THERE"), tree(t, there, false)}
	})
}
