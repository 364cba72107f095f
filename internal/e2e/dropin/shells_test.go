//go:build linux

package dropin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPdshRunsOnAllHosts(t *testing.T) {
	w := need(t, "pdsh")
	both(t, w, func(t *testing.T, v way, here, there string) []any {
		pdsh := func(args ...string) result {
			return w.try(t, func(ctx context.Context) *exec.Cmd {
				return w.command(ctx, v, here, "pdsh", append([]string{"-R", "ssh", "-w", "lab[1-3]"}, args...)...)
			})
		}
		r := pdsh("echo 你好 on %h; echo err >&2; pwd | wc -l")
		require.Zero(t, r.Code, r.Stderr)
		assert.Len(t, sortLines(r.Stdout), 6)
		failed := pdsh("-S", "exit 7")
		assert.Equal(t, 7, failed.Code)
		return []any{sortLines(r.Stdout), sortLines(r.Stderr), sortLines(failed.Stderr)}
	})
}

func TestParallelSendsFilesAndBringsResultsBack(t *testing.T) {
	w := needTime(t, "parallel", "rsync", "perl")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		var files []string
		for i := range 6 {
			name := fmt.Sprintf("in put %d 输入", i)
			require.NoError(t, os.WriteFile(filepath.Join(here, name), []byte(fmt.Sprintf("text %d\n", i)), 0o644))
			files = append(files, name)
		}
		parallel := func(args ...string) string {
			return w.runEnv(t, v, here, []string{"PARALLEL_HOME=" + here + "-parallel"}, "parallel", append([]string{
				"--will-cite", "--plain", "--ssh", v.ssh, "--transferfile", "{}", "--return", "{#}.out", "--workdir", there + "/work"}, args...)...)
		}
		const job = "tr a-z A-Z < {} > {#}.out; echo done {}; pwd"
		said := parallel(append([]string{"-S", "2/lab1,2/lab2", job, ":::"}, files...)...)
		for i := range files { // plain names come back: this parallel quotes others twice for a new rsync, over OpenSSH too
			require.Equal(t, fmt.Sprintf("TEXT %d\n", i), read(t, filepath.Join(here, fmt.Sprintf("%d.out", i+1))))
		}
		require.NoError(t, os.RemoveAll(there+"/work"))
		parallel(append([]string{"-S", "1/lab3", "--cleanup", job, ":::"}, files...)...) // one at a time: two hosts with one disk clean up each other's folder
		assert.NoDirExists(t, there+"/work")
		return append(sortLines(plain(said, there, "THERE")), tree(t, here, false))
	})
}

func TestParallelTellsWhichJobsFailed(t *testing.T) {
	w := need(t, "parallel", "perl")
	both(t, w, func(t *testing.T, v way, here, _ string) int {
		r := w.try(t, func(ctx context.Context) *exec.Cmd {
			c := w.command(ctx, v, here, "parallel", "--will-cite", "--plain", "--ssh", v.ssh, "-S", "lab1,lab3", "test {} -gt 2", ":::", "1", "2", "3", "4")
			c.Env = append(c.Env, "PARALLEL_HOME="+here+"-parallel")
			return c
		})
		assert.Equal(t, 2, r.Code, r.Stderr)
		return r.Code
	})
}
